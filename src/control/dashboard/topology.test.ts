import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultCompiler } from '../default-compiler.ts';
import { topologyOf } from './topology.ts';

const YAML = `
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: pay-v1, namespace: shop, labels: { app: pay, version: v1 } }
spec: { ports: [{ name: http, port: 8080 }], command: [run], env: { KEY: hush } }
---
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: pay-v2, namespace: shop, labels: { app: pay, version: v2 } }
spec: { ports: [{ name: http, port: 8080 }], command: [run] }
---
apiVersion: v1
kind: Service
metadata: { name: pay, namespace: shop }
spec: { selector: { app: pay }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: pay, namespace: shop }
spec: { host: pay, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: pay, namespace: shop }
spec:
  hosts: [pay]
  http:
    - match: [{ uri: { prefix: /new } }]
      route: [{ destination: { host: pay, subset: v2 } }]
    - route: [{ destination: { host: pay, subset: v1 }, weight: 3 }, { destination: { host: pay, subset: v2 }, weight: 1 }]
`;

const instance = (workload: string, isReady: boolean) => ({
  id: `${workload}-0`,
  workload,
  namespace: 'shop',
  labels: { app: 'pay', version: workload.slice(-2) },
  serviceAccount: 'default',
  address: '10.0.0.1',
  ports: [{ name: 'http', number: 8080, protocol: 'http', listen: 8080 } as const],
  locality: '',
  isReady,
  isMeshed: true,
});

test('services, what runs behind them, and how requests are divided', () => {
  const { resources } = defaultCompiler.parseDocuments('shop.yaml', YAML);
  const { mesh } = defaultCompiler.buildMesh(resources, [instance('pay-v1', true), instance('pay-v2', false)]);
  const topology = topologyOf(mesh, 7);
  assert.equal(topology.generation, 7);
  assert.deepEqual(
    topology.services.map(({ hostname, workloads, endpoints, ready }) => ({ hostname, workloads, endpoints, ready })),
    [{ hostname: 'pay.shop.svc.cluster.local', workloads: ['shop/pay-v1', 'shop/pay-v2'], endpoints: 2, ready: 1 }],
  );
  assert.deepEqual(
    topology.workloads.map(({ name, instances, ready }) => [name, instances, ready]),
    [
      ['pay-v1', 1, 1],
      ['pay-v2', 1, 0],
    ],
  );
  const [split, ...others] = topology.splits;
  assert.deepEqual(others, []);
  assert.equal(split?.isDefault, true);
  assert.deepEqual(
    split?.parts.map(({ subset, percent, workloads }) => [subset, percent, workloads]),
    [
      ['v1', 75, ['shop/pay-v1']],
      ['v2', 25, ['shop/pay-v2']],
    ],
  );
  // environments are nobody's to see
  assert.equal(JSON.stringify(topology).includes('hush'), false);
});
