/** What proxies cost, by two readings of their own metrics. Pure. */
import { quantileOf } from '../../core/quantile.ts';
import type { Spread } from './latency.ts';

/** Of one proxy's `/stats/prometheus`, at one time. */
export interface Reading {
  readonly atMs: number;
  readonly cpuSeconds: number;
  /** Requests and connections that it has seen to their end. */
  readonly done: number;
  readonly residentBytes: number;
  /** Requests by the bucket of what the proxy itself added to them: upper bounds in ms, and how many were at or below. */
  readonly ownTime: ReadonlyMap<number, number>;
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
  /** What the proxy itself adds to a request; undefined where none was answered. */
  readonly own: Spread | undefined;
}

/** Fewer than that say nothing: the CPU of a proxy at rest would be theirs. */
const FEW = 20;
const US = 1e6;

function sumOf(text: string, family: string): number {
  let sum = 0;
  for (const [, value] of text.matchAll(new RegExp(`^${family}(?:\\{[^\\n]*\\})? (\\S+)`, 'gm'))) sum += Number(value);
  return sum;
}

const OWN_BUCKET = /^tulle_time_in_proxy_milliseconds_bucket\{[^\n]*le="([^"]+)"[^\n]*\} (\S+)/gm;

/** Both directions together. */
function ownTimeOf(text: string): Map<number, number> {
  const counts = new Map<number, number>();
  for (const [, bound, count] of text.matchAll(OWN_BUCKET)) {
    const boundMs = bound === '+Inf' ? Infinity : Number(bound);
    counts.set(boundMs, (counts.get(boundMs) ?? 0) + Number(count));
  }
  return counts;
}

/** Of what came to a histogram between two readings. */
function ownSpread(before: Reading['ownTime'], after: Reading['ownTime']): Spread | undefined {
  const bounds = [...after.keys()].toSorted((a, b) => a - b);
  const upTo = bounds.map((bound) => (after.get(bound) ?? 0) - (before.get(bound) ?? 0));
  const counts = upTo.map((count, i) => count - (upTo[i - 1] ?? 0));
  const finite = bounds.filter(Number.isFinite);
  const [p50Ms, p99Ms] = [quantileOf(finite, counts, 0.5), quantileOf(finite, counts, 0.99)];
  return p50Ms === undefined || p99Ms === undefined ? undefined : { p50Ms, p99Ms };
}

/** Reads the text of a proxy's metrics (Prometheus text format 0.0.4). */
export function readingOf(text: string, atMs: number): Reading {
  return {
    atMs,
    cpuSeconds: sumOf(text, 'process_cpu_seconds_total'),
    done: sumOf(text, 'istio_requests_total') + sumOf(text, 'istio_tcp_connections_closed_total'),
    residentBytes: sumOf(text, 'process_resident_memory_bytes'),
    ownTime: ownTimeOf(text),
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
    own: ownSpread(before.ownTime, after.ownTime),
  };
}
