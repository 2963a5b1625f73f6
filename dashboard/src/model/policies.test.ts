import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TopologyWorkload } from '../../../src/model/topology.ts';
import { policiesFor, type Policy } from './policies.ts';

const workload: TopologyWorkload = {
  name: 'pay',
  namespace: 'shop',
  labels: { app: 'pay' },
  serviceAccount: 'pay',
  role: 'sidecar',
  isMeshed: true,
  instances: 1,
  ready: 1,
};
const policy = (name: string, namespace: string, more: Partial<Policy>): Policy => {
  const kind = 'AuthorizationPolicy';
  return { kind, name, namespace, ...more, origin: { kind, namespace, name, file: 'a.yaml', line: 1 } };
};

test('policies of a workload, of its namespace, of the mesh, and of a host', () => {
  const policies = [
    policy('own', 'shop', { selector: { app: 'pay' } }),
    policy('other', 'shop', { selector: { app: 'web' } }),
    policy('namespace', 'shop', { selector: {} }),
    policy('mesh', 'istio-system', { selector: {} }),
    policy('elsewhere', 'bank', { selector: {} }),
    policy('gateways', 'shop', { gateways: ['edge'] }),
    policy('host', 'shop', { host: 'pay.shop.svc.cluster.local' }),
    policy('hosts', 'shop', { host: '*.cluster.local' }),
    policy('other-host', 'shop', { host: 'web.shop.svc.cluster.local' }),
  ];
  const names = policiesFor(policies, [workload], 'pay.shop.svc.cluster.local', 'istio-system').map(({ name }) => name);
  assert.deepEqual(names, ['own', 'namespace', 'mesh', 'host', 'hosts']);
});
