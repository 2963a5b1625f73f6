import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { peerOfBaggage } from './baggage.ts';

const NOBODY = { name: '', namespace: '', workload: '', clusterId: '', canonicalService: '', canonicalRevision: '', app: '', version: '' };

for (const { name, text, want } of [
  {
    name: 'as Istio writes it',
    text: 'k8s.cluster.name=east,k8s.namespace.name=shop,k8s.deployment.name=web-v1,service.name=web,service.version=v1',
    want: { clusterId: 'east', namespace: 'shop', workload: 'web-v1', canonicalService: 'web', canonicalRevision: 'v1' },
  },
  { name: 'with spaces, properties and escapes', text: ' app.name = a%20b ;p=1 , app.version=%zz', want: { app: 'a b', version: '%zz' } },
  { name: 'the first of two', text: 'k8s.job.name=one,k8s.pod.name=two', want: { workload: 'one' } },
  { name: 'of somebody else', text: 'userId=alice,constructor=x,,=', want: {} },
]) {
  test(`baggage ${name}`, () => assert.deepEqual(peerOfBaggage(text), { ...NOBODY, ...want }));
}

test('none, and far too much', () => {
  assert.deepEqual([undefined, '', 'a=b,'.repeat(3000)].map(peerOfBaggage), [undefined, undefined, undefined]);
});

test('the same text is the same peer; any text is read', () => {
  assert.equal(peerOfBaggage('app.name=x'), peerOfBaggage('app.name=x'));
  fc.assert(fc.property(fc.string(), (text) => void peerOfBaggage(text)));
});
