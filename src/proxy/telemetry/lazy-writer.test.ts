import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lazyWriter } from './lazy-writer.ts';
import type { Unsent } from './unsent.ts';

/** A writer of numbers whose code comes when `loaded` is resolved, and what becomes of them. */
function writer() {
  const written: number[] = [];
  const unsent = new Set<Unsent>();
  const loaded = Promise.withResolvers<(item: number) => void>();
  const state = { loads: 0, lost: 0 };
  const load = (): Promise<(item: number) => void> => {
    state.loads++;
    return loaded.promise;
  };
  const write = lazyWriter(load, { onLost: () => state.lost++, unsent });
  const arrive = async (): Promise<void> => {
    loaded.resolve((item) => void written.push(item));
    await loaded.promise;
  };
  return { write, arrive, written, unsent, state };
}

test('nothing is loaded before there is an item, and none is forgotten until the code is there', async () => {
  const { write, arrive, written, unsent, state } = writer();
  assert.equal(state.loads, 0);
  write(1);
  write(2);
  assert.deepEqual([state.loads, written, [...unsent].map(({ size }) => size)], [1, [], [2]]);
  await arrive();
  write(3);
  assert.deepEqual([state.loads, written, unsent.size, state.lost], [1, [1, 2, 3], 0, 0]);
});

test('items that are too many, or that a proxy cannot wait for, are lost and counted', async () => {
  const { write, arrive, written, unsent, state } = writer();
  for (let i = 0; i < 1030; i++) write(i);
  assert.equal(state.lost, 6);
  for (const each of unsent) each.giveUp();
  assert.deepEqual([state.lost, unsent.size], [1030, 0]);
  await arrive();
  assert.deepEqual(written, []);
});
