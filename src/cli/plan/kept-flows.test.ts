import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endOf, flowOf, requestOf } from '../../model/testing/flow.ts';
import { askedOfFlows } from './kept-flows.ts';

const { request: _, ...tcp } = flowOf({
  protocol: 'tcp',
  cluster: 'outbound|5432||db.shop.svc.cluster.local',
  service: 'db.shop.svc.cluster.local',
});
const web = { namespace: 'shop', name: 'web' };

const CASES = [
  {
    name: "a caller's request goes to the service that it called",
    flow: flowOf({ request: requestOf({ method: 'POST', path: '/pay?x=1', headers: { 'x-user': 'ann', cookie: '[redacted]' } }) }),
    want: {
      from: web,
      via: undefined,
      to: { scheme: 'http', host: 'payments.shop.svc.cluster.local', port: 80, path: '/pay?x=1' },
      method: 'POST',
      headers: [['x-user', 'ann']],
    },
  },
  {
    name: 'a connection',
    flow: tcp,
    want: {
      from: web,
      via: undefined,
      to: { scheme: 'tcp', host: 'db.shop.svc.cluster.local', port: 5432, path: '/' },
      method: 'GET',
      headers: [],
    },
  },
  {
    name: "a gateway's request goes to the host that was asked for",
    flow: flowOf({ reporter: 'gateway', request: requestOf({ authority: 'shop.example.com:8443' }) }),
    want: {
      from: undefined,
      via: web,
      to: { scheme: 'http', host: 'shop.example.com', port: 8443, path: '/pay' },
      method: 'GET',
      headers: [],
    },
  },
  {
    name: 'a host that is no service of the mesh',
    flow: flowOf({ cluster: 'PassthroughCluster', service: '', request: requestOf({ authority: 'example.com' }) }),
    want: { from: web, via: undefined, to: { scheme: 'http', host: 'example.com', port: 80, path: '/pay' }, method: 'GET', headers: [] },
  },
  { name: 'a server tells of the same once more', flow: flowOf({ reporter: 'destination' }), want: undefined },
  { name: 'nobody knows who called', flow: flowOf({ source: endOf('') }), want: undefined },
] as const;

for (const { name, flow, want } of CASES) {
  test(`asks again: ${name}`, () => assert.deepEqual(askedOfFlows([flow]), want === undefined ? [] : [want]));
}

test('equal ones count all, and of distinct ones the newest', () => {
  const flows = Array.from({ length: 3000 }, (_each, i) => flowOf({ request: requestOf({ path: `/${i}` }) }));
  const asked = askedOfFlows([...flows, ...Array.from({ length: 500 }, () => flowOf())]);
  assert.equal(asked.length, 1999 + 500);
  assert.equal(asked[0]?.to.path, '/1001');
});
