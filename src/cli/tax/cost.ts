/** What proxies cost, by two readings of their own metrics. Pure. */

/** Of one proxy's `/stats/prometheus`, at one time. */
export interface Reading {
  readonly atMs: number;
  readonly cpuSeconds: number;
  /** Requests and connections that it has seen to their end. */
  readonly done: number;
  readonly residentBytes: number;
}

export interface CostRow {
  /** `payments-v1-0.shop`. */
  readonly proxy: string;
  readonly perSecond: number;
  /** Share (0 to 1) of one core. */
  readonly cores: number;
  /** CPU of one request or connection; undefined where there were too few to say. */
  readonly cpuUs: number | undefined;
  readonly residentBytes: number;
}

/** Fewer than that say nothing: the CPU of a proxy at rest would be theirs. */
const FEW = 20;
const US = 1e6;

function sumOf(text: string, family: string): number {
  let sum = 0;
  for (const [, value] of text.matchAll(new RegExp(`^${family}(?:\\{[^\\n]*\\})? (\\S+)`, 'gm'))) sum += Number(value);
  return sum;
}

/** Reads the text of a proxy's metrics (Prometheus text format 0.0.4). */
export function readingOf(text: string, atMs: number): Reading {
  return {
    atMs,
    cpuSeconds: sumOf(text, 'process_cpu_seconds_total'),
    done: sumOf(text, 'istio_requests_total') + sumOf(text, 'istio_tcp_connections_closed_total'),
    residentBytes: sumOf(text, 'process_resident_memory_bytes'),
  };
}

/** What a proxy took between two readings. */
export function costRow(proxy: string, before: Reading, after: Reading): CostRow {
  const seconds = (after.atMs - before.atMs) / 1000;
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
  const done = after.done - before.done;
  return {
    proxy,
    perSecond: done / seconds,
    cores: cpuSeconds / seconds,
    cpuUs: done < FEW ? undefined : (cpuSeconds * US) / done,
    residentBytes: after.residentBytes,
  };
}
