/**
 * Statistics: counters, gauges and histograms that are plain numbers on the hot path and get their names and labels
 * only when somebody reads them.
 */
export interface Counter {
  value: number;
}

export interface Gauge {
  value: number;
}

/** A request that was observed, by its trace. */
export interface Exemplar {
  readonly traceId: string;
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

export interface Histogram {
  /** Upper bounds of the buckets, ascending; one more bucket holds the rest. */
  readonly bounds: readonly number[];
  /** Observations per bucket; one longer than `bounds`. */
  readonly counts: Float64Array;
  sum: number;
  count: number;
  /** The last traced request of each bucket; absent where there was none. */
  exemplars?: (Exemplar | undefined)[];
}

export type Labels = Readonly<Record<string, string>>;

/** Where a part of the proxy declares its statistics. The same name and labels give the same object. */
export interface StatsScope {
  /** Envoy's dotted name below the scope's prefix: `upstream_rq_total` in `cluster.outbound|80||x`. */
  counter(name: string): Counter;
  gauge(name: string): Gauge;
  histogram(name: string): Histogram;
  scope(prefix: string): StatsScope;
  /** Prometheus metrics with labels (Istio's); `bounds` in the metric's unit. */
  labelledCounter(name: string, labels: Labels): Counter;
  labelledGauge(name: string, labels: Labels): Gauge;
  labelledHistogram(name: string, labels: Labels, bounds: readonly number[]): Histogram;
  /** Forgets every statistic under the scope's prefix: its owner has left the configuration. */
  drop(): void;
}

/** Counts one observation; returns its bucket. */
export function observe(histogram: Histogram, value: number): number {
  const { bounds, counts } = histogram;
  let i = 0;
  while (i < bounds.length && value > (bounds[i] ?? Infinity)) i++;
  counts[i] = (counts[i] ?? 0) + 1;
  histogram.sum += value;
  histogram.count++;
  return i;
}

/** Counts one observation of a request that is traced. */
export function observeTraced(histogram: Histogram, value: number, traceId: string, atMs: number): void {
  const bucket = observe(histogram, value);
  histogram.exemplars ??= [];
  histogram.exemplars[bucket] = { traceId, value, atMs };
}
