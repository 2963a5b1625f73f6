/** The batch of a tracer: its limits, its statistics, and the code that encodes spans, which is loaded with the first of them. */
import { Batch } from '../telemetry/batch.ts';
import { unsentOf } from '../telemetry/unsent.ts';
import { timersOf } from '../timers.ts';
import { batchLimits } from './runtime-keys.ts';
import type { SendSpans, SpanBatch } from './span-batch.ts';
import type { TracerScope } from './tracer-kinds.ts';

/** Requests to the collector under way above which spans wait. */
const MAX_REQUESTS = 16;

/** Loads what encodes spans when the first ones are to be sent: who traces nothing does not pay for it. */
function lazySender(load: () => Promise<SendSpans>): SendSpans {
  let sender: Promise<SendSpans> | undefined;
  return (spans, onDone) => {
    sender ??= load();
    void sender.then((send) => send(spans, onDone));
  };
}

/** Prepares a batch for `tracer`; `maxSpans` wait at most. */
export function exportBatch(
  tracer: 'opentelemetry' | 'zipkin',
  maxSpans: number,
  scope: TracerScope,
  load: () => Promise<SendSpans>,
): SpanBatch {
  const stats = scope.stats.scope(`tracing.${tracer}`);
  const options = {
    ...batchLimits(scope.node, tracer, maxSpans),
    maxWeight: maxSpans,
    maxRequests: MAX_REQUESTS,
    timers: timersOf(scope.clock),
    unsent: unsentOf(scope.clusters),
    stats: {
      sent: stats.counter('spans_sent'),
      dropped: stats.counter('spans_dropped'),
      lost: stats.counter('spans_lost'),
      timerFlushed: stats.counter('timer_flushed'),
    },
  };
  return new Batch(options, lazySender(load));
}
