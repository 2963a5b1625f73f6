import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { share, shareKeyed } from './share.ts';

test('an equal value is the former one', () => {
  const former = { a: [1, { b: 'c' }], m: new Map([[80, { mode: 'STRICT' }]]), d: new Uint8Array([1, 2]), u: undefined };
  assert.equal(share(former, structuredClone(former)), former);
});

test('only what changed is new', () => {
  const former = { a: { x: 1 }, b: { y: 1 }, m: new Map([[80, { z: 1 }]]) };
  const next = share(former, { a: { x: 1 }, b: { y: 2 }, m: new Map([[80, { z: 1 }]]) });
  assert.notEqual(next, former);
  assert.equal(next.a, former.a);
  assert.equal(next.m, former.m);
  assert.deepEqual(next.b, { y: 2 });
});

test('what has nothing in common with the former one is the next one, which others may have too', () => {
  const next = { hosts: ['a'], rule: { seconds: 2 } };
  assert.equal(share({ hosts: ['b'], rule: { seconds: 1 } }, next), next);
  const map = new Map([['a', next]]);
  assert.equal(share(new Map([['a', { hosts: ['b'], rule: { seconds: 1 } }]]), map), map);
});

test('an absent field differs from an inherited or undefined one', () => {
  const former: Record<string, unknown> = {};
  assert.deepEqual(Object.keys(share(former, { a: undefined })), ['a']);
  const next: Record<string, unknown> = { constructor: Object };
  assert.notEqual(share(former, next), former);
});

test('an item that is put in between disturbs no other', () => {
  const former = [{ name: 'a' }, { name: 'c' }];
  const next = shareKeyed(former, [{ name: 'a' }, { name: 'b' }, { name: 'c' }], ({ name }) => name);
  assert.equal(next[0], former[0]);
  assert.equal(next[2], former[1]);
  assert.equal(
    shareKeyed(former, structuredClone(former), ({ name }) => name),
    former,
  );
});

test('the result always equals what was put in', () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(value, value, (former, next) => {
      assert.deepEqual(share(former, structuredClone(next)), next);
    }),
  );
});
