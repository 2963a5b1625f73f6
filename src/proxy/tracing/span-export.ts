/** How a tracer reports its spans: encoded when they end, by code that is loaded with the first of them, and sent in batches. */
import { Batch, type SendBatch } from '../telemetry/batch.ts';
import { lazyWriter } from '../telemetry/lazy-writer.ts';
import { unsentOf } from '../telemetry/unsent.ts';
import { timersOf } from '../timers.ts';
import { batchLimits } from './runtime-keys.ts';
import type { Span } from './span.ts';
import type { TracerScope } from './tracer-kinds.ts';

/** Requests to the collector under way above which spans wait. */
const MAX_REQUESTS = 16;

/** What a collector takes. */
export interface SpanSink {
  /** A span in bytes, which are borrowed. */
  encode(span: Span): Uint8Array;
  /** Sends spans that were encoded, one behind the other. */
  readonly send: SendBatch;
}

/** Takes a span that has ended and is sampled. */
export type ReportSpan = (span: Span) => void;

/** Prepares how `tracer` reports; `maxSpans` wait at most, and `load` gives where they go. */
export function spanReporter(
  tracer: 'opentelemetry' | 'zipkin',
  maxSpans: number,
  scope: TracerScope,
  load: () => Promise<SpanSink>,
): ReportSpan {
  const stats = scope.stats.scope(`tracing.${tracer}`);
  const dropped = stats.counter('spans_dropped');
  const options = {
    ...batchLimits(scope.node, tracer, maxSpans),
    maxWeight: maxSpans,
    maxUnderWay: MAX_REQUESTS,
    timers: timersOf(scope.clock),
    unsent: unsentOf(scope.clusters),
    stats: {
      sent: stats.counter('spans_sent'),
      dropped,
      lost: stats.counter('spans_lost'),
      timerFlushed: stats.counter('timer_flushed'),
    },
  };
  const open = async (): Promise<ReportSpan> => {
    const sink = await load();
    const batch = new Batch(options, sink.send);
    return (span) => batch.add(sink.encode(span), 1);
  };
  return lazyWriter(open, { onLost: () => dropped.value++, unsent: options.unsent });
}
