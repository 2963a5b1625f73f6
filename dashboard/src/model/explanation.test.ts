import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TopologyService } from '../../../src/model/topology.ts';
import { explainTarget } from './explanation.ts';

const SERVICE = { name: 'pay', namespace: 'shop', isExternal: false, workloads: [], endpoints: 0, ready: 0 };
const origin = { kind: 'Service', namespace: 'shop', name: 'pay', file: 'pay.yaml', line: 1, field: '' };
const ports: TopologyService['ports'] = [
  { name: 'db', number: 5432, protocol: 'tcp' },
  { name: 'api', number: 9083, protocol: 'grpc' },
  { name: 'web', number: 8080, protocol: 'http' },
];

test('a service is explained by its port, as its protocol is asked for', () => {
  const service = { ...SERVICE, hostname: 'pay.shop', ports, origin };
  assert.deepEqual(
    ['http', 'grpc', 'tcp', ''].map((protocol) => explainTarget(service, protocol)),
    ['http://pay.shop:8080/', 'grpc://pay.shop:9083', 'tcp://pay.shop:5432', 'tcp://pay.shop:5432'],
  );
  assert.equal(explainTarget({ ...service, ports: [] }), 'http://pay.shop/');
});
