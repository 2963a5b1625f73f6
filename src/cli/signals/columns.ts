/** The columns of golden signals: one set for `stat`, `top` and `edges`. */
import { OVERFLOW } from '../../core/label-words.ts';
import { parseSpiffeId } from '../../core/spiffe.ts';
import { OVERFLOW_WORKLOAD, type SignalGrouping, type SignalRow, UNKNOWN_WORKLOAD } from '../../model/signals.ts';
import type { FitColumn, Tone } from '../fit-table.ts';

type Column = FitColumn<SignalRow>;

/** `0.42`, `12.3`, `1.2k`. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 1_000_000) return `${(perSecond / 1_000_000).toFixed(1)}M`;
  if (perSecond >= 10_000) return `${(perSecond / 1000).toFixed(1)}k`;
  return perSecond >= 100 ? perSecond.toFixed(0) : perSecond.toFixed(perSecond >= 10 ? 1 : 2);
}

/** `0.4ms`, `12ms`, `1.25s`; `-` where nothing was measured. */
export function formatLatency(ms: number | undefined): string {
  if (ms === undefined) return '-';
  if (ms >= 10_000) return `${(ms / 1000).toFixed(0)}s`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)}s`;
  return ms >= 10 ? `${ms.toFixed(0)}ms` : `${ms.toFixed(1)}ms`;
}

/** A share as `99.5%`; never `100%` for less than all, nor `0%` for more than nothing. */
export function formatShare(share: number): string {
  if (share === 1 || share === 0) return `${share * 100}%`;
  return `${Math.min(99.99, Math.max(0.01, share * 100)).toFixed(share > 0.01 && share < 0.99 ? 1 : 2)}%`;
}

/** `12B`, `3.4kB`, `5.6MB` a second. */
export function formatBytes(perSecond: number): string {
  if (perSecond >= 1e9) return `${(perSecond / 1e9).toFixed(1)}GB`;
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(1)}MB`;
  return perSecond >= 1000 ? `${(perSecond / 1000).toFixed(1)}kB` : `${perSecond.toFixed(0)}B`;
}

/** An identity in few words: `shop/web` of `spiffe://cluster.local/ns/shop/sa/web`. */
export function formatIdentity(principal: string | undefined): string {
  if (principal === undefined) return '-';
  const id = parseSpiffeId(principal);
  return id === undefined ? principal : `${id.namespace}/${id.serviceAccount}`;
}

/** Requests, or where there are none connections. */
export function eventsPerSecond({ requestsPerSecond, connectionsPerSecond }: SignalRow): number {
  return requestsPerSecond + connectionsPerSecond;
}

function isOverflow({ destination, source, service }: SignalRow): boolean {
  return [destination, source].includes(OVERFLOW_WORKLOAD) || service === OVERFLOW;
}

/** Of what was counted together nobody knows what failed, nor of a row that has nothing but bytes. */
function knowsFailures(row: SignalRow): boolean {
  return eventsPerSecond(row) > 0 && !isOverflow(row);
}

function failureTone(row: SignalRow): Tone {
  const { failureRatio } = row;
  if (!knowsFailures(row)) return 'dim';
  return failureRatio === 0 ? 'good' : failureRatio < 0.01 ? 'warn' : 'bad';
}

function mutualTone({ mutualTlsRatio }: SignalRow): Tone {
  if (mutualTlsRatio === undefined) return 'dim';
  return mutualTlsRatio === 1 ? 'good' : mutualTlsRatio === 0 ? 'bad' : 'warn';
}

/** A service's host without what all of the cluster's have; a workload that nobody knows in one word. */
export function formatHost(host: string): string {
  if (host === UNKNOWN_WORKLOAD) return 'unknown';
  if (host === OVERFLOW_WORKLOAD) return 'overflow';
  return host.replace(/\.svc\.cluster\.local$/, '');
}

/** What a table with a row of label sets that were counted together has below it; '' without one. */
export function overflowNote(rows: readonly SignalRow[]): string {
  if (!rows.some(isOverflow)) return '';
  return 'overflow: what a proxy counts together, beyond its 10,000 label sets of a metric; its log says of which, a Telemetry can remove tags';
}

function name(title: string, key: 'source' | 'destination' | 'service' | 'route'): Column {
  return { title, cell: (row) => formatHost(row[key] ?? '-') };
}

const NAMES: Readonly<Record<SignalGrouping, readonly Column[]>> = {
  edge: [name('SOURCE', 'source'), name('DESTINATION', 'destination')],
  caller: [name('CALLER', 'source')],
  workload: [name('WORKLOAD', 'destination')],
  service: [name('SERVICE', 'service')],
  route: [name('SERVICE', 'service'), name('ROUTE', 'route')],
};

const PROTOCOL: Column = { title: 'PROTOCOL', cell: ({ protocol }) => protocol, tone: () => 'dim', dropAt: 6 };
const RATE: Column = { title: 'RPS', align: 'right', cell: (row) => formatRate(eventsPerSecond(row)), dropAt: 1 };
const SUCCESS: Column = {
  title: 'SUCCESS',
  align: 'right',
  cell: (row) => (knowsFailures(row) ? formatShare(1 - row.failureRatio) : '-'),
  tone: failureTone,
  dropAt: 1,
};
const DENIED: Column = {
  title: 'DENIED',
  align: 'right',
  cell: ({ deniedRatio }) => (deniedRatio === 0 ? '-' : formatShare(deniedRatio)),
  tone: ({ deniedRatio }) => (deniedRatio === 0 ? 'dim' : 'warn'),
  dropAt: 5,
};
const MUTUAL: Column = {
  title: 'MTLS',
  align: 'right',
  cell: ({ mutualTlsRatio }) => (mutualTlsRatio === undefined ? '-' : formatShare(mutualTlsRatio)),
  tone: mutualTone,
  dropAt: 4,
};
const BYTES: Column = {
  title: 'BYTES/S',
  align: 'right',
  cell: (row) => formatBytes(row.bytesSentPerSecond + row.bytesReceivedPerSecond),
  dropAt: 7,
};

function latency(title: string, key: 'p50Ms' | 'p95Ms' | 'p99Ms', dropAt: number): Column {
  return { title, align: 'right', cell: (row) => formatLatency(row[key]), dropAt };
}

/** Rate, errors and latency of a grouping. */
export function statColumns(by: SignalGrouping): readonly Column[] {
  const latencies = [latency('P50', 'p50Ms', 3), latency('P95', 'p95Ms', 2), latency('P99', 'p99Ms', 3)];
  // who says no to whom, and over what, is not known by route
  return by === 'route'
    ? [...NAMES[by], PROTOCOL, RATE, SUCCESS, DENIED, ...latencies]
    : [...NAMES[by], PROTOCOL, RATE, SUCCESS, DENIED, ...latencies, MUTUAL, BYTES];
}

/** Who calls whom, and who they prove to be. */
export const EDGE_COLUMNS: readonly Column[] = [
  ...NAMES.edge,
  { title: 'SERVICE', cell: ({ service = '-' }) => formatHost(service), dropAt: 5 },
  { title: 'CLIENT', cell: ({ sourcePrincipal }) => formatIdentity(sourcePrincipal), dropAt: 3 },
  { title: 'SERVER', cell: ({ destinationPrincipal }) => formatIdentity(destinationPrincipal), dropAt: 4 },
  { ...PROTOCOL, dropAt: 6 },
  { ...MUTUAL, dropAt: 1 },
  RATE,
  SUCCESS,
];
