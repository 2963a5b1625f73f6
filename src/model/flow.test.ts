import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Flow, latestWords } from './flow.ts';
import { flowOf } from './testing/flow.ts';

function flow(id: string, receivedMs: number, more: Partial<Flow> = {}): Flow {
  return flowOf({ id, receivedMs, ...more });
}

test('what was told while it lasted gives way to later words of the same proxy', () => {
  const early = flow('a', 5, { isOpen: true });
  const later = flow('a', 9, { isOpen: true });
  const end = flow('a', 12);
  const elsewhere = flow('a', 6, { isOpen: true, proxy: 'q' });
  assert.deepEqual(latestWords([early, later]), [later]);
  assert.deepEqual(latestWords([early, later, end, elsewhere]), [end, elsewhere]);
  // newest first, as well
  assert.deepEqual(latestWords([end, later, early]), [end]);
  // a connection's number may come again in another life of its proxy
  const another = flow('a', 15, { isOpen: true, startMs: 14 });
  assert.deepEqual(latestWords([end, another]), [end, another]);
  assert.deepEqual(latestWords([flow('b', 1), flow('b', 2)]).length, 2);
});
