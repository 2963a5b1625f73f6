import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerAuthentication } from '../../model/security.ts';
import { peerAuthenticationOf } from '../testing/mesh.ts';
import { mtlsModeOf } from './peer-authentication.ts';

const web = { namespace: 'shop', labels: { app: 'web' } };
const mesh = (mode: PeerAuthentication['mode']) => peerAuthenticationOf(mode, { namespace: 'istio-system' });
const own = (mode: PeerAuthentication['mode'], port?: PeerAuthentication['mode']) =>
  peerAuthenticationOf(mode, { selector: { app: 'web' }, ports: new Map(port === undefined ? [] : [[80, port]]) });

const cases: readonly { name: string; policies: readonly PeerAuthentication[]; want: string }[] = [
  { name: 'no policy', policies: [], want: 'PERMISSIVE' },
  { name: 'the mesh', policies: [mesh('STRICT')], want: 'STRICT' },
  { name: 'the namespace over the mesh', policies: [mesh('STRICT'), peerAuthenticationOf('DISABLE')], want: 'DISABLE' },
  { name: 'the workload over the namespace', policies: [peerAuthenticationOf('DISABLE'), own('STRICT')], want: 'STRICT' },
  { name: 'the port over the workload', policies: [own('STRICT', 'DISABLE')], want: 'DISABLE' },
  { name: 'UNSET asks the next', policies: [mesh('STRICT'), peerAuthenticationOf('UNSET'), own('UNSET', 'UNSET')], want: 'STRICT' },
  { name: 'the oldest of one level', policies: [own('DISABLE'), own('STRICT')], want: 'DISABLE' },
  {
    name: 'a selector in the root namespace is not for others',
    policies: [peerAuthenticationOf('STRICT', { namespace: 'istio-system', selector: { app: 'web' } })],
    want: 'PERMISSIVE',
  },
];

for (const { name, policies, want } of cases)
  test(`mode: ${name}`, () => assert.equal(mtlsModeOf(policies, 'istio-system', web, 80), want));
