import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listKeeper, memoised } from './memo.ts';

test('computes once for the same objects and equal primitives', () => {
  let calls = 0;
  const compute = memoised((_: object, key: string, other: object | undefined) => ({ key, other, call: ++calls }));
  const [a, b] = [{}, {}];
  assert.equal(compute(a, 'x', b), compute(a, 'x', b));
  assert.notEqual(compute(a, 'x', b), compute(a, 'y', b));
  assert.notEqual(compute(a, 'x', b), compute(b, 'x', b));
  assert.equal(compute(a, 'x', undefined), compute(a, 'x', undefined));
  assert.equal(calls, 4);
});

test('remembers results that are undefined', () => {
  let calls = 0;
  const compute = memoised((key: object) => {
    assert.ok(key);
    calls++;
  });
  const key = {};
  compute(key);
  compute(key);
  assert.equal(calls, 1);
});

test('a list of the same elements stays the same list', () => {
  const keep = listKeeper<object>();
  const [a, b] = [{}, {}];
  const first = keep([a, b]);
  assert.equal(keep([a, b]), first);
  assert.notEqual(keep([b, a]), first);
});
