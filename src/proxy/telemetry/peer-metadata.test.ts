import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMetadataCache, decodeMetadata, encodeMetadata, metadataOf, metadataOfEndpoint, type PeerMetadata } from './peer-metadata.ts';

const CART: PeerMetadata = metadataOf({
  NAME: 'cart-1',
  NAMESPACE: 'shop',
  WORKLOAD_NAME: 'cart',
  CLUSTER_ID: 'local',
  LABELS: { app: 'cart', version: 'v2', 'service.istio.io/canonical-name': 'cart', 'service.istio.io/canonical-revision': 'v2' },
  OTHER: 'ignored',
});

test('node metadata under the names of Istio', () => {
  assert.deepEqual(CART, {
    name: 'cart-1',
    namespace: 'shop',
    workload: 'cart',
    clusterId: 'local',
    canonicalService: 'cart',
    canonicalRevision: 'v2',
    app: 'cart',
    version: 'v2',
  });
});

test("a Struct that Istio's own proxy wrote is read", () => {
  // { "LABELS": { "app": "a" }, "NAME": "n" }
  const bytes = Buffer.from('0a160a064c4142454c53120c2a0a0a080a0361707012031a01610a0b0a044e414d4512031a016e', 'hex');
  assert.deepEqual(decodeMetadata(bytes.toString('base64').replaceAll('=', '')), { ...metadataOf({}), app: 'a', name: 'n' });
});

test('what is encoded is decoded', () => {
  const text = fc.string();
  const peers = fc.record({
    name: text,
    namespace: text,
    workload: text,
    clusterId: text,
    canonicalService: text,
    canonicalRevision: text,
    app: text,
    version: text,
  });
  fc.assert(fc.property(peers, (peer) => assert.deepEqual(decodeMetadata(encodeMetadata(peer)), { ...peer })));
});

test('any text is metadata or nothing', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => void decodeMetadata(text)));
  assert.equal(decodeMetadata('!'), undefined);
  assert.equal(decodeMetadata('A'.repeat(9000)), undefined);
});

test('the same text gives the same object, until others have taken its place', () => {
  const lookUp = createMetadataCache(2);
  const texts = ['a', 'b', 'c'].map((workload) => encodeMetadata({ ...CART, workload }));
  const [a = '', b = '', c = ''] = texts;
  const first = lookUp(a);
  assert.equal(lookUp(a), first);
  lookUp(b);
  lookUp(c);
  assert.notEqual(lookUp(a), first);
  assert.deepEqual(lookUp(a), first);
});

test('endpoint metadata has five parts', () => {
  assert.equal(metadataOfEndpoint({ istio: { workload: 'a;b' } }), undefined);
  assert.equal(metadataOfEndpoint({}), undefined);
  assert.deepEqual(metadataOfEndpoint({ istio: { workload: 'cart;shop;cart;v2;local' } }), { ...CART, name: '', app: '', version: '' });
});
