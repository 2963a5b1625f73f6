import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDocuments } from './document.ts';

const TEXT = `# first
apiVersion: v1
kind: Service
metadata: { name: a, namespace: shop, labels: { app: a } }
spec:
  ports:
    - name: http
      port: 80
    - { name: grpc, port: 81 }
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Service
    metadata: { name: b }
    spec: { ports: [] }
`;
const documents = createDocuments(new Map([['a.yaml', TEXT]]));
const [a, b] = documents.ofKinds('Service');

test('documents are found by kind, those of lists too', () => {
  assert.deepEqual([a?.key, b?.key], ['Service shop/a', 'Service default/b']);
  assert.deepEqual(a?.labels, { app: 'a' });
  assert.deepEqual(documents.ofKinds('Gateway'), []);
});

test('fields have the lines of the file', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['', 2],
    ['kind', 3],
    ['metadata.labels.app', 4],
    ['spec.ports[0].port', 8],
    ['spec.ports[1].port', 9],
    // the nearest that is written
    ['spec.ports[1].protocol', 9],
    ['spec.ports[7].port', 6],
    ['spec.selector', 5],
  ];
  for (const [field, line] of cases) assert.equal(a?.originOf(field).line, line, field);
  assert.equal(b?.originOf('spec.ports').line, 17);
});

test('places and values below a provenance', () => {
  const origin = { kind: 'Service', namespace: 'shop', name: 'a', file: 'a.yaml', line: 7, field: 'spec.ports[0]' };
  assert.deepEqual(documents.placeOf(origin, 'port'), { ...origin, line: 8, field: 'spec.ports[0].port' });
  assert.equal(documents.valueAt(origin, 'port'), 80);
  assert.equal(documents.valueAt(origin, 'protocol'), undefined);
  const elsewhere = { ...origin, file: 'b.yaml' };
  assert.equal(documents.placeOf(elsewhere, 'port'), elsewhere);
});

test('a document that is broken, or nested without end, is passed over', () => {
  const broken = createDocuments(new Map([['a.yaml', `kind: Service\nmetadata: [\n---\n${TEXT}\n---\n${'['.repeat(5_000)}Service`]]));
  assert.equal(broken.ofKinds('Service').length, 2);
});
