import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { timersOf } from '../timers.ts';
import { Batch, type BatchOptions } from './batch.ts';
import { createStats } from './registry.ts';
import type { Unsent } from './unsent.ts';

type Answer = (isTaken: boolean, refused?: number) => void;

/** A batch of texts that goes out from a weight of 5 on, and what was sent, with its answers. */
function batchOf(limits: Partial<BatchOptions> = {}) {
  const registry = createStats();
  const stats = {
    sent: registry.counter('sent'),
    taken: registry.counter('taken'),
    dropped: registry.counter('dropped'),
    lost: registry.counter('lost'),
    timerFlushed: registry.counter('timer'),
  };
  const unsent = new Set<Unsent>();
  const requests: (readonly string[])[] = [];
  const answers: Answer[] = [];
  const common = { flushIntervalMs: 60_000, flushWeight: 5, maxWeight: 10, maxRequests: 16, timers: timersOf(systemClock), unsent, stats };
  const batch = new Batch<string>({ ...common, ...limits }, (items, onDone) => {
    requests.push(items);
    answers.push(onDone);
  });
  return { batch, stats, unsent, requests, answers };
}

test('items that a collector did not take, or refused of those that it took, are lost', () => {
  const { batch, stats, unsent, answers } = batchOf();
  for (let i = 0; i < 15; i++) batch.add('x');
  assert.deepEqual([answers.length, stats.sent.value], [3, 15]);
  answers[0]?.(true, 0);
  answers[1]?.(true, 2);
  // more than there were cannot be
  answers[2]?.(false, 99);
  assert.deepEqual([stats.lost.value, stats.taken.value, unsent.size], [7, 8, 0]);
});

test('what is too heavy for what waits already is dropped', () => {
  const { batch, stats, requests, answers } = batchOf({ maxRequests: 1 });
  batch.add('first', 6);
  batch.add('waits', 9);
  batch.add('heavy', 2);
  batch.add('light', 1);
  assert.deepEqual([requests, stats.dropped.value, batch.size], [[['first']], 1, 3]);
  answers[0]?.(true);
  assert.deepEqual(requests, [['first'], ['waits', 'light']]);
});

test('a few items wait for the interval', (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 1000;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const { batch, stats, requests } = batchOf({ flushIntervalMs: 100, timers: timersOf(clock) });
  batch.add('a');
  batch.add('b');
  assert.deepEqual([requests, stats.timerFlushed.value], [[], 0]);
  nowMs += 1000;
  t.mock.timers.tick(1000);
  assert.deepEqual([requests, stats.timerFlushed.value], [[['a', 'b']], 1]);
});

test('where items come fast a batch goes now and then, or when it is full', (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 1000;
  const pass = (ms: number): void => {
    nowMs += ms;
    t.mock.timers.tick(ms);
  };
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const pace = { everyMs: 200, fullWeight: 8 };
  const { batch, requests } = batchOf({ pace, maxWeight: 100, timers: timersOf(clock) });
  const add = (count: number): void => {
    for (let i = 0; i < count; i++) batch.add('x');
  };
  const sizes = (): number[] => requests.map(({ length }) => length);
  add(12);
  assert.deepEqual(sizes(), [5], 'the first at once, the others wait');
  add(1);
  assert.deepEqual(sizes(), [5, 8], 'they are many');
  add(6);
  pass(1000);
  assert.deepEqual(sizes(), [5, 8, 6], 'their time has come');
  pass(1000);
  add(4);
  pass(1000);
  assert.deepEqual(sizes(), [5, 8, 6], 'few wait for the interval');
  add(1);
  assert.deepEqual(sizes(), [5, 8, 6, 5]);
});
