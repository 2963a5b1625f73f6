import type { Batch, SendBatch } from '../telemetry/batch.ts';
import type { Span } from './span.ts';

/** Spans on their way to a collector; each weighs 1. */
export type SpanBatch = Batch<Span>;

/** Sends spans. */
export type SendSpans = SendBatch<Span>;
