/** Keys of Envoy's runtime that say how spans are gathered: those of the bootstrap's static layers. */
import type { LocalNode } from '../http/filter.ts';
import type { BatchOptions } from '../telemetry/batch.ts';

const FLUSH_INTERVAL_MS = 5000;
const MIN_FLUSH_SPANS = 5;
/**
 * Where nobody says how many spans go together, and many come: two hundred a second, five at a time, were forty requests a
 * second, each of them as much as ten of those that the proxy is there for.
 */
const PACE_MS = 1000;
const FULL_SPANS = 256;

function numberAt({ runtime }: LocalNode, key: string): number | undefined {
  const value = runtime?.[key];
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined;
}

/** `tracing.<tracer>.flush_interval_ms` and `tracing.<tracer>.min_flush_spans`; who says the second has it exactly so. `maxSpans` wait at most. */
export function batchLimits(
  node: LocalNode,
  tracer: string,
  maxSpans: number,
): Pick<BatchOptions, 'flushIntervalMs' | 'flushWeight' | 'pace'> {
  const flushWeight = numberAt(node, `tracing.${tracer}.min_flush_spans`);
  return {
    flushIntervalMs: numberAt(node, `tracing.${tracer}.flush_interval_ms`) ?? FLUSH_INTERVAL_MS,
    flushWeight: flushWeight ?? MIN_FLUSH_SPANS,
    pace: flushWeight === undefined ? { everyMs: PACE_MS, fullWeight: Math.min(FULL_SPANS, maxSpans / 2) } : undefined,
  };
}
