import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastOfEach, listMapper, memoised } from './memo.ts';

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

test('of each key the last result is kept, while the other arguments are the same', () => {
  let calls = 0;
  const compute = lastOfEach((_key: object, ..._others: readonly object[]) => ++calls);
  const [key, other, a, b] = [{}, {}, {}, {}];
  assert.deepEqual([compute(key, a), compute(key, a), compute(other, a)], [1, 1, 2]);
  assert.deepEqual([compute(key, a, b), compute(key, a, b), compute(key, b)], [3, 3, 4]);
  assert.deepEqual([compute(key, a), compute(other, a)], [5, 2]);
});

test('what is made of the same elements is the same list, and made once', () => {
  let calls = 0;
  const made = new WeakMap<object, object>();
  const map = listMapper((element: object) => {
    calls += 1;
    const result = made.get(element) ?? {};
    made.set(element, result);
    return result;
  });
  const [a, b, c] = [{}, {}, {}];
  const first = map([a, b]);
  assert.equal(map([a, b]), first);
  assert.equal(calls, 2);
  const second = map([a, c]);
  assert.equal(calls, 3);
  assert.deepEqual(second, [made.get(a), made.get(c)]);
  assert.equal(second[0], first[0]);
  assert.deepEqual(map([c, a, b]), [made.get(c), made.get(a), made.get(b)]);
});

test('a list whose elements give the same results as others before stays the same list', () => {
  const result = {};
  const map = listMapper(() => result);
  const first = map([{}, {}]);
  assert.equal(map([{}, {}]), first);
  assert.notEqual(map([{}]), first);
});
