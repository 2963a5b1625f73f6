/** The batch of a tracer: its limits, its statistics, and the code that encodes spans, which is loaded with the first of them. */
import { unsentOf } from '../telemetry/unsent.ts';
import { timersOf } from '../timers.ts';
import { batchLimits } from './runtime-keys.ts';
import { SpanBatch, type SendSpans } from './span-batch.ts';
import type { TracerScope } from './tracer-kinds.ts';

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
    ...batchLimits(scope.node, tracer),
    maxSpans,
    timers: timersOf(scope.clock),
    unsent: unsentOf(scope.clusters),
    stats: {
      spansSent: stats.counter('spans_sent'),
      spansDropped: stats.counter('spans_dropped'),
      spansLost: stats.counter('spans_lost'),
      timerFlushed: stats.counter('timer_flushed'),
    },
  };
  return new SpanBatch(options, lazySender(load));
}
