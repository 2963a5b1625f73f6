import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { timersOf } from '../timers.ts';
import { Batch, type BatchOptions } from './batch.ts';
import { createStats } from './registry.ts';
import type { Unsent } from './unsent.ts';

type Answer = (isTaken: boolean, refused?: number) => void;

/** A batch that goes out from a weight of 5 on, and what was sent, with its answers. */
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
  const requests: string[] = [];
  const answers: Answer[] = [];
  const common = { flushIntervalMs: 60_000, flushWeight: 5, maxWeight: 10, maxUnderWay: 16, timers: timersOf(systemClock), unsent, stats };
  let finished = 0;
  const batch = new Batch(
    { ...common, ...limits },
    (bytes, items, onDone) => {
      assert.equal(items, String(bytes).split(' ').length - 1);
      requests.push(String(bytes));
      answers.push(onDone);
    },
    () => finished++,
  );
  const add = (text: string, weight = 1): void => batch.add(Buffer.from(`${text} `), weight);
  return { batch, add, stats, unsent, requests, answers, finished: () => finished };
}

test('items that a collector did not take, or refused of those that it took, are lost', () => {
  const { add, stats, unsent, answers } = batchOf();
  for (let i = 0; i < 15; i++) add('x');
  assert.deepEqual([answers.length, stats.sent.value], [3, 15]);
  answers[0]?.(true, 0);
  answers[1]?.(true, 2);
  // more than there were cannot be
  answers[2]?.(false, 99);
  assert.deepEqual([stats.lost.value, stats.taken.value, unsent.size], [7, 8, 0]);
});

test('what is too heavy for what waits already is dropped', () => {
  const { batch, add, stats, requests, answers } = batchOf({ maxUnderWay: 1 });
  add('first', 6);
  add('waits', 9);
  add('heavy', 2);
  add('light', 1);
  assert.deepEqual([requests, stats.dropped.value, batch.size], [['first '], 1, 3]);
  answers[0]?.(true);
  assert.deepEqual(requests, ['first ', 'waits light ']);
});

test('a few items wait for the interval', (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 1000;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const { add, stats, requests } = batchOf({ flushIntervalMs: 100, timers: timersOf(clock) });
  add('a');
  add('b');
  assert.deepEqual([requests, stats.timerFlushed.value], [[], 0]);
  nowMs += 1000;
  t.mock.timers.tick(1000);
  assert.deepEqual([requests, stats.timerFlushed.value], [['a b '], 1]);
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
  const { add, requests } = batchOf({ pace, maxWeight: 100, timers: timersOf(clock) });
  const addSome = (count: number): void => {
    for (let i = 0; i < count; i++) add('x');
  };
  const sizes = (): number[] => requests.map(({ length }) => length / 2);
  addSome(12);
  assert.deepEqual(sizes(), [5], 'the first at once, the others wait');
  addSome(1);
  assert.deepEqual(sizes(), [5, 8], 'they are many');
  addSome(6);
  pass(1000);
  assert.deepEqual(sizes(), [5, 8, 6], 'their time has come');
  pass(1000);
  addSome(4);
  pass(1000);
  assert.deepEqual(sizes(), [5, 8, 6], 'few wait for the interval');
  addSome(1);
  assert.deepEqual(sizes(), [5, 8, 6, 5]);
});

test('bytes stay whole however many wait, also after a batch that was large', () => {
  const { add, requests, answers } = batchOf({ flushWeight: 100_000, maxWeight: 200_000 });
  const text = (length: number): string => 'abcdefghij'.repeat(length / 10);
  add(text(1000), 1000);
  add(text(99_000), 99_000);
  add('again', 100_000);
  assert.deepEqual(requests, [`${text(1000)} ${text(99_000)} `, 'again ']);
  for (const answer of answers) answer(true);
});

test('who is asked to send all that waits ends what it keeps open for more', () => {
  const { batch, add, requests, finished } = batchOf();
  for (let i = 0; i < 6; i++) add(String(i));
  assert.deepEqual([requests.length, finished()], [1, 0]);
  batch.flush();
  assert.deepEqual([requests, finished()], [['0 1 2 3 4 ', '5 '], 1]);
});
