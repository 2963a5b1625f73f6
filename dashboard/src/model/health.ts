/** What counts as trouble, the same in graph, tables and legend. */
import type { SignalRow } from '../../../src/model/signals.ts';
import { rateText, shareText } from './format.ts';

/** How something fares. */
export type Health = 'idle' | 'ok' | 'warn' | 'bad';

/** Shares of requests that fail from which something is worth a look, and broken. */
export const WARN_RATIO = 0.01;
export const BAD_RATIO = 0.05;

/** What traffic comes to, of one row or several. */
export interface Load {
  readonly requestsPerSecond: number;
  readonly failureRatio: number;
  readonly deniedRatio: number;
  /** The slowest row's, where several are one; absent without requests. */
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
  /** Undefined where nobody knows. */
  readonly mutualTlsRatio: number | undefined;
  readonly connectionsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** True where anything moved. */
export function isBusy({ requestsPerSecond, connectionsPerSecond, bytesPerSecond }: Load): boolean {
  return requestsPerSecond > 0 || connectionsPerSecond > 0 || bytesPerSecond > 0;
}

/** `12.4/s`; of what has no requests its new connections, `1.1 conn/s`. */
export function callsText({ requestsPerSecond, connectionsPerSecond }: Load): string {
  if (requestsPerSecond > 0 || connectionsPerSecond <= 0) return rateText(requestsPerSecond);
  return rateText(connectionsPerSecond).replace('/s', ' conn/s');
}

/** True for what is connections alone. */
export function isTcp(load: Load): boolean {
  return isBusy(load) && load.requestsPerSecond === 0;
}

/** How a load fares. */
export function healthOf(load: Load): Health {
  if (!isBusy(load)) return 'idle';
  if (load.failureRatio >= BAD_RATIO) return 'bad';
  return load.failureRatio >= WARN_RATIO || load.deniedRatio >= WARN_RATIO ? 'warn' : 'ok';
}

/** From the gravest to the least. */
export const HEALTHS: readonly Health[] = ['bad', 'warn', 'ok', 'idle'];

/** How what should run does: `ready` of `all`. */
export function readinessOf(ready: number, all: number): Health {
  if (ready === all) return 'idle';
  return ready === 0 ? 'bad' : 'warn';
}

/** The graver of two. */
export function worse(a: Health, b: Health): Health {
  return HEALTHS.indexOf(a) <= HEALTHS.indexOf(b) ? a : b;
}

function slowest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** The share of mTLS in what anybody knows it of, by events; where nothing has begun, by rows. */
function mutualOf(rows: readonly SignalRow[]): number | undefined {
  const known = rows.filter(({ mutualTlsRatio }) => mutualTlsRatio !== undefined);
  if (known.length === 0) return undefined;
  const events = known.map((row) => row.requestsPerSecond + row.connectionsPerSecond);
  const isQuiet = events.every((count) => count === 0);
  const weights = isQuiet ? known.map(() => 1) : events;
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  return known.reduce((sum, { mutualTlsRatio = 0 }, i) => sum + mutualTlsRatio * (weights[i] ?? 0), 0) / all;
}

/** Whether traffic is over mTLS, in a word. */
export function mutualText({ mutualTlsRatio: ratio }: Load): string {
  if (ratio === undefined) return 'unknown';
  if (ratio >= 0.9999) return 'mTLS';
  return ratio <= 0 ? 'plaintext' : `${shareText(ratio)} mTLS`;
}

/** True where some of it is known to go in plaintext. */
export function isOpenToRead({ mutualTlsRatio = 1 }: Load): boolean {
  return mutualTlsRatio < 0.9999;
}

/** Its latencies alone. */
export function latenciesOf({ p50Ms, p95Ms, p99Ms }: Load): Pick<Load, 'p50Ms' | 'p95Ms' | 'p99Ms'> {
  return p50Ms === undefined || p95Ms === undefined || p99Ms === undefined ? {} : { p50Ms, p95Ms, p99Ms };
}

/** Several rows as one: rates add up, shares by what they are of, the slowest quantiles. */
export function loadOf(rows: readonly SignalRow[]): Load {
  const requests = rows.reduce((sum, row) => sum + row.requestsPerSecond, 0);
  const connections = rows.reduce((sum, row) => sum + row.connectionsPerSecond, 0);
  const events = (row: SignalRow): number => row.requestsPerSecond + row.connectionsPerSecond;
  const all = requests + connections;
  const [p50Ms, p95Ms, p99Ms] = (['p50Ms', 'p95Ms', 'p99Ms'] as const).map((key) => slowest(rows.map((row) => row[key])));
  return {
    requestsPerSecond: requests,
    failureRatio: all === 0 ? 0 : rows.reduce((sum, row) => sum + row.failureRatio * events(row), 0) / all,
    deniedRatio: all === 0 ? 0 : rows.reduce((sum, row) => sum + row.deniedRatio * events(row), 0) / all,
    mutualTlsRatio: mutualOf(rows),
    connectionsPerSecond: connections,
    bytesPerSecond: rows.reduce((sum, row) => sum + row.bytesSentPerSecond + row.bytesReceivedPerSecond, 0),
    ...(p50Ms === undefined ? {} : { p50Ms }),
    ...(p95Ms === undefined ? {} : { p95Ms }),
    ...(p99Ms === undefined ? {} : { p99Ms }),
  };
}
