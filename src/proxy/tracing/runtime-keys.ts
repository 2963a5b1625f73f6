/** Keys of Envoy's runtime that say how spans are gathered: those of the bootstrap's static layers. */
import type { LocalNode } from '../http/filter.ts';

const FLUSH_INTERVAL_MS = 5000;
const MIN_FLUSH_SPANS = 5;

function numberAt({ runtime }: LocalNode, key: string, fallback: number): number {
  const value = runtime?.[key];
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : fallback;
}

/** `tracing.<tracer>.flush_interval_ms` and `tracing.<tracer>.min_flush_spans`. */
export function batchLimits(node: LocalNode, tracer: string): { readonly flushIntervalMs: number; readonly minFlushSpans: number } {
  return {
    flushIntervalMs: numberAt(node, `tracing.${tracer}.flush_interval_ms`, FLUSH_INTERVAL_MS),
    minFlushSpans: numberAt(node, `tracing.${tracer}.min_flush_spans`, MIN_FLUSH_SPANS),
  };
}
