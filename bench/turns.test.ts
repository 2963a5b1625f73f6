import assert from 'node:assert/strict';
import test from 'node:test';
import { byTurns } from './turns.ts';

test('kinds take turns, and each is the first as often as it is the last', async () => {
  const taken: string[] = [];
  await byTurns(['one', 'two'], 3, async (kind) => void taken.push(kind));
  assert.deepEqual(taken, ['one', 'two', 'two', 'one', 'one', 'two']);
});
