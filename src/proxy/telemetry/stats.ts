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

export interface Histogram {
  /** Upper bounds of the buckets, ascending; one more bucket holds the rest. */
  readonly bounds: readonly number[];
  /** Observations per bucket; one longer than `bounds`. */
  readonly counts: Float64Array;
  sum: number;
  count: number;
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

/** Counts one observation. */
export function observe(histogram: Histogram, value: number): void {
  const { bounds, counts } = histogram;
  let i = 0;
  while (i < bounds.length && value > (bounds[i] ?? Infinity)) i++;
  counts[i] = (counts[i] ?? 0) + 1;
  histogram.sum += value;
  histogram.count++;
}
