import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { timersOf } from '../timers.ts';
import { Batch } from './batch.ts';
import { flushUnsent, sendRest, unsentOf } from './unsent.ts';

type Answer = (isTaken: boolean, refused: number) => void;

/** A loop with a batch of spans and one of log entries, both with two in them, and what answers what they send. */
function batches() {
  const clusters = {};
  const counters = { sent: { value: 0 }, dropped: { value: 0 }, lost: { value: 0 }, timerFlushed: { value: 0 } };
  const logs = { taken: { value: 0 }, dropped: { value: 0 } };
  const answers: Answer[] = [];
  const common = { flushIntervalMs: 60_000, maxUnderWay: 2, timers: timersOf(systemClock), unsent: unsentOf(clusters) };
  const spans = new Batch({ ...common, flushWeight: 5, maxWeight: 10, stats: counters }, (_, __, done) => void answers.push(done));
  const stats = { ...logs, lost: logs.dropped };
  const entries = new Batch(
    { ...common, flushWeight: 100, maxWeight: 1000, stats },
    (_, __, done) => void answers.push((taken) => done(taken)),
  );
  for (let i = 0; i < 2; i++) {
    spans.add(Buffer.from('span'), 1);
    entries.add(Buffer.from('x'), 1);
  }
  return { clusters, counters, logs, answers };
}

test('what waits is sent at the end, and nothing is left once it is taken', async () => {
  const { clusters, counters, logs, answers } = batches();
  assert.equal(flushUnsent(clusters), true);
  assert.equal(answers.length, 2);
  for (const answer of answers) answer(true, 0);
  assert.equal(flushUnsent(clusters), false);
  assert.equal(await sendRest(clusters, systemClock), 0);
  assert.deepEqual([counters.sent.value, counters.lost.value, logs.taken.value, logs.dropped.value], [2, 0, 2, 0]);
});

test('what no collector has taken is lost, and counted once', async () => {
  const { clusters, counters, logs, answers } = batches();
  assert.equal(await sendRest(clusters, systemClock, 0), 4);
  assert.deepEqual([counters.lost.value, logs.dropped.value], [2, 2]);
  // an answer that is late changes nothing
  for (const answer of answers) answer(true, 0);
  assert.deepEqual([counters.lost.value, logs.taken.value, logs.dropped.value], [2, 0, 2]);
  assert.equal(flushUnsent(clusters), false);
});
