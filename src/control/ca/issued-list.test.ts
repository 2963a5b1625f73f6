import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createIssuedList } from './issued-list.ts';

test('the newest certificate of an identity counts, while it is good, and the list has a bound', () => {
  const list = createIssuedList(2);
  const add = (identity: string, issuedAtMs: number, expiresAtMs: number): void => list.add({ identity, issuedAtMs, expiresAtMs });
  add('b', 1, 100);
  add('a', 2, 50);
  add('b', 3, 200);
  assert.deepEqual(list.at(10), [
    { identity: 'a', issuedAtMs: 2, expiresAtMs: 50 },
    { identity: 'b', issuedAtMs: 3, expiresAtMs: 200 },
  ]);
  assert.deepEqual(
    list.at(60).map(({ identity }) => identity),
    ['b'],
  );
  add('c', 4, 300);
  assert.deepEqual(
    list.at(10).map(({ identity }) => identity),
    ['b', 'c'],
  );
});
