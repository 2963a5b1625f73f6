import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptList } from './changed-positions.ts';

test('a list of the same elements stays the same list', () => {
  const [a, b] = [{}, {}];
  const first = [a, b];
  assert.equal(keptList(first, [a, b]), first);
  assert.notEqual(keptList(first, [b, a]), first);
  assert.notEqual(keptList(first, [a]), first);
  assert.notEqual(keptList<object | undefined>(first, [a, b, undefined]), first);
});
