import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDocuments } from '../compile/dialects/load.ts';
import type { Workload } from '../model/workload.ts';
import { workloadOf } from './run.ts';

function groupIn(yaml: string): Workload | undefined {
  const part = parseDocuments('mesh.yaml', yaml).resources[0]?.part('cluster.local');
  return part?.kind === 'workload' ? part.value : undefined;
}

const GROUP = groupIn(`
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: vm, namespace: shop }
spec:
  metadata: { labels: { app: legacy, tier: old } }
  template: { ports: { http: 8080 }, serviceAccount: vm, locality: eu/a }
  probe: { tcpSocket: { port: 8080 } }
`);

const said = (workload: Workload) => {
  const { labels, serviceAccount, ports, locality, readiness, replicas } = workload;
  return { labels, serviceAccount, ports: ports.map(({ number }) => number), locality, probe: readiness?.check.kind, replicas };
};

const PLAIN = { namespace: 'shop', port: [], label: {} };

test('a process has what its group says', () => {
  assert.deepEqual(said(workloadOf(PLAIN, 'vm', ['true'], GROUP)), {
    labels: { app: 'legacy', tier: 'old' },
    serviceAccount: 'vm',
    ports: [8080],
    locality: 'eu/a',
    probe: 'tcp',
    replicas: 1,
  });
});

test('the command line goes before the group', () => {
  const options = { ...PLAIN, serviceAccount: 'own', port: [{ number: 9, name: 'x', protocol: 'tcp' as const }], label: { tier: 'new' } };
  assert.deepEqual(said(workloadOf(options, 'vm', ['true'], GROUP)), {
    labels: { app: 'legacy', tier: 'new' },
    serviceAccount: 'own',
    ports: [9],
    locality: 'eu/a',
    probe: 'tcp',
    replicas: 1,
  });
});

test('without a group the name is the label', () => {
  assert.deepEqual(said(workloadOf(PLAIN, 'cart', ['true'], undefined)), {
    labels: { app: 'cart' },
    serviceAccount: 'default',
    ports: [],
    locality: '',
    probe: undefined,
    replicas: 1,
  });
});
