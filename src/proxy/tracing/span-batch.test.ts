import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { createStats } from '../telemetry/registry.ts';
import { timersOf } from '../timers.ts';
import type { Span } from './span.ts';
import type { Unsent } from '../telemetry/unsent.ts';
import { SpanBatch } from './span-batch.ts';

test('spans that a collector did not take, or refused of those that it took, are lost', () => {
  const stats = createStats();
  const counters = {
    spansSent: stats.counter('sent'),
    spansDropped: stats.counter('dropped'),
    spansLost: stats.counter('lost'),
    timerFlushed: stats.counter('timer'),
  };
  const answers: ((isTaken: boolean, refused: number) => void)[] = [];
  const options = {
    flushIntervalMs: 60_000,
    minFlushSpans: 5,
    maxSpans: 10,
    timers: timersOf(systemClock),
    unsent: new Set<Unsent>(),
    stats: counters,
  };
  const batch = new SpanBatch(options, (_, onDone) => void answers.push(onDone));
  const span = {} as Span;
  for (let i = 0; i < 15; i++) batch.add(span);
  assert.deepEqual([answers.length, counters.spansSent.value], [3, 15]);
  answers[0]?.(true, 0);
  answers[1]?.(true, 2);
  // more than there were cannot be
  answers[2]?.(false, 99);
  assert.equal(counters.spansLost.value, 7);
});
