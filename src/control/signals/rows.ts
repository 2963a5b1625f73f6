/**
 * Golden signals from cells. Both proxies on the way count a request; here it counts once: by the called proxy's word
 * where there is one, by the calling one's else, and by the calling one's in any case where the request went nowhere.
 */
import { OVERFLOW } from '../../core/label-words.ts';
import {
  OVERFLOW_WORKLOAD,
  type SignalGrouping,
  type SignalKey,
  signalKeyText,
  type SignalRow,
  type SignalSeries,
  UNKNOWN_WORKLOAD,
} from '../../model/signals.ts';
import {
  addSteps,
  BUCKETS,
  type Cell,
  type CellKey,
  type Cells,
  CONNECTIONS,
  DENIED,
  FAILURES,
  LATENCY_BOUNDS,
  MUTUAL,
  RECEIVED_BYTES,
  REQUESTS,
  SENT_BYTES,
  STEP_MS,
  STEPS,
  WIDTH,
} from './cells.ts';
import { quantileOf } from '../../core/quantile.ts';

/** How often proxies push: what is counted first happened up to that long before. */
const PUSH_MS = 5000;
/** An edge whose caller is not known is the same traffic as edges whose callers tell of it, if it is not much more. */
const SAME_SHARE = 1.1;

export interface Selection {
  readonly by: SignalGrouping;
  /** Of either end; all where absent. */
  readonly namespace?: string;
  readonly source?: string;
  readonly destination?: string;
  readonly service?: string;
  readonly route?: string;
}

interface Summed {
  readonly cell: Cell;
  readonly sums: Float64Array;
}

function eventsOf(sums: Float64Array): number {
  return (sums[REQUESTS] ?? 0) + (sums[CONNECTIONS] ?? 0) + (sums[SENT_BYTES] ?? 0) + (sums[RECEIVED_BYTES] ?? 0) + (sums[DENIED] ?? 0);
}

/** True where `wanted` is that workload: `namespace/workload`, or of any namespace with an asterisk in its place. */
function isWorkload(name: string, wanted: string): boolean {
  return wanted.startsWith('*/') ? name.endsWith(wanted.slice(1)) : name === wanted;
}

function isSelected({ teller, source, destination, service, route }: CellKey, selection: Selection): boolean {
  // what came to a gateway is what it passed on: a row of its own by workload, and no edge, nor any service's
  if (teller === 'gateway' && selection.by !== 'workload') return false;
  if ((route !== '') !== (selection.by === 'route')) return false;
  const { namespace } = selection;
  if (namespace !== undefined && !source.startsWith(`${namespace}/`) && !destination.startsWith(`${namespace}/`)) return false;
  if (selection.source !== undefined && !isWorkload(source, selection.source)) return false;
  if (selection.destination !== undefined && !isWorkload(destination, selection.destination)) return false;
  if (selection.service !== undefined && selection.service !== service) return false;
  return selection.route === undefined || selection.route === route;
}

function pairOf({ source, destination, protocol }: CellKey): string {
  return `${source} ${destination} ${protocol}`;
}

/** Cells with something in the steps `from` to `to`. */
function summed(cells: Cells, selection: Selection, from: number, to: number): Summed[] {
  const found: Summed[] = [];
  for (const cell of cells.all()) {
    if (cell.lastStep < from || !isSelected(cell.key, selection)) continue;
    const sums = new Float64Array(WIDTH);
    addSteps(cell, from, to, sums);
    if (eventsOf(sums) > 0) found.push({ cell, sums });
  }
  return found;
}

/** Those that count: each request and connection is in one of them. */
function once(all: readonly Summed[], by: SignalGrouping): Summed[] {
  if (by === 'route') return [...all];
  if (by === 'caller') return once(all, 'edge');
  // requests that went nowhere are nobody's
  if (by === 'workload') return once(all, 'service').filter(({ cell }) => cell.key.destination !== UNKNOWN_WORKLOAD);
  const told = new Set<string>();
  const telling = new Set<string>();
  for (const { cell } of all) {
    if (cell.key.teller !== 'destination') continue;
    told.add(pairOf(cell.key));
    telling.add(cell.key.destination);
  }
  const ofCallers = new Map<string, number>();
  const kept = all.filter(({ cell: { key }, sums }) => {
    if (key.teller !== 'source') return true;
    if (told.has(pairOf(key))) return false;
    if (!telling.has(key.destination)) return true;
    // the called proxy tells of it, and cannot say who called
    if (by !== 'edge') return false;
    const place = `${key.destination} ${key.protocol}`;
    ofCallers.set(place, (ofCallers.get(place) ?? 0) + (sums[REQUESTS] ?? 0) + (sums[CONNECTIONS] ?? 0));
    return true;
  });
  if (ofCallers.size === 0) return kept;
  return kept.filter(({ cell: { key }, sums }) => {
    if (key.teller !== 'destination' || key.source !== UNKNOWN_WORKLOAD) return true;
    const known = ofCallers.get(`${key.destination} ${key.protocol}`) ?? 0;
    return (sums[REQUESTS] ?? 0) + (sums[CONNECTIONS] ?? 0) > known * SAME_SHARE;
  });
}

/** What a row of a grouping is of. */
function keyOf({ source, destination, service, route }: CellKey, by: SignalGrouping): SignalKey {
  switch (by) {
    case 'edge':
      return { source, destination, service };
    case 'caller':
      return { source };
    case 'workload':
      return { destination };
    case 'service':
      return { service };
    case 'route':
      return { service, route };
  }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.min(1, part / whole);
}

function quantilesOf(sums: Float64Array): Pick<SignalRow, 'p50Ms' | 'p95Ms' | 'p99Ms'> {
  const counts = sums.subarray(BUCKETS);
  const [p50Ms, p95Ms, p99Ms] = [0.5, 0.95, 0.99].map((q) => quantileOf(LATENCY_BOUNDS, counts, q));
  return p50Ms === undefined || p95Ms === undefined || p99Ms === undefined ? {} : { p50Ms, p95Ms, p99Ms };
}

interface Group {
  readonly key: SignalKey;
  readonly protocol: SignalRow['protocol'];
  readonly sums: Float64Array;
  /** Requests and connections of which nobody knows the transport: they went nowhere, or were counted together. */
  untold: number;
  /** The called proxy tells of it, which knows the transport of its connections. */
  isToldByServer: boolean;
  sourcePrincipal: string;
  destinationPrincipal: string;
}

/** The share over mTLS; undefined where nobody knows. Of connections that began before the window, both identities say it. */
function mutualOf({ sums, untold, isToldByServer, sourcePrincipal, destinationPrincipal }: Group): number | undefined {
  const events = (sums[REQUESTS] ?? 0) + (sums[CONNECTIONS] ?? 0);
  if (events > untold) return ratio(sums[MUTUAL] ?? 0, events - untold);
  if (events > 0) return undefined;
  if (sourcePrincipal !== '' && destinationPrincipal !== '') return 1;
  return isToldByServer ? 0 : undefined;
}

function rowOf(group: Group, elapsedMs: number, by: SignalGrouping): SignalRow {
  const { key, protocol, sums, sourcePrincipal, destinationPrincipal } = group;
  const mutualTlsRatio = by === 'route' ? undefined : mutualOf(group);
  const at = (place: number): number => sums[place] ?? 0;
  const perSecond = (place: number): number => at(place) / (elapsedMs / 1000);
  const events = at(REQUESTS) + at(CONNECTIONS);
  return {
    ...key,
    protocol,
    requestsPerSecond: perSecond(REQUESTS),
    failureRatio: ratio(at(FAILURES), events),
    deniedRatio: ratio(at(DENIED), Math.max(events, at(DENIED))),
    ...quantilesOf(sums),
    ...(mutualTlsRatio !== undefined && { mutualTlsRatio }),
    ...(by === 'edge' && sourcePrincipal !== '' && { sourcePrincipal }),
    ...(by === 'edge' && destinationPrincipal !== '' && { destinationPrincipal }),
    connectionsPerSecond: perSecond(CONNECTIONS),
    bytesSentPerSecond: perSecond(SENT_BYTES),
    bytesReceivedPerSecond: perSecond(RECEIVED_BYTES),
  };
}

/** Beyond a proxy's cap. A gateway's callers are nobody, and tags that a Telemetry takes away say nothing: one end is enough. */
function isCountedTogether({ source, destination, service }: CellKey): boolean {
  return source === OVERFLOW_WORKLOAD || destination === OVERFLOW_WORKLOAD || service === OVERFLOW;
}

function grouped(chosen: readonly Summed[], by: SignalGrouping): Group[] {
  const groups = new Map<string, Group>();
  for (const { cell, sums } of chosen) {
    const key = keyOf(cell.key, by);
    const text = `${JSON.stringify(key)} ${cell.key.protocol}`;
    let group = groups.get(text);
    if (group === undefined) {
      const { protocol } = cell.key;
      const principals = { sourcePrincipal: '', destinationPrincipal: '' };
      groups.set(text, (group = { key, protocol, sums: new Float64Array(WIDTH), untold: 0, isToldByServer: false, ...principals }));
    }
    for (let place = 0; place < WIDTH; place++) group.sums[place] = (group.sums[place] ?? 0) + (sums[place] ?? 0);
    if (cell.key.teller === 'unsent' || isCountedTogether(cell.key)) group.untold += (sums[REQUESTS] ?? 0) + (sums[CONNECTIONS] ?? 0);
    if (cell.key.teller === 'destination') group.isToldByServer = true;
    group.sourcePrincipal ||= cell.sourcePrincipal;
    group.destinationPrincipal ||= cell.destinationPrincipal;
  }
  return [...groups.values()];
}

/** Rows of the last `windowMs`, the busiest first. `nowMs` is the monotonic clock's. */
export function signalRows(cells: Cells, selection: Selection, windowMs: number, nowMs: number): SignalRow[] {
  const { by } = selection;
  const now = Math.floor(nowMs / STEP_MS);
  const steps = Math.min(STEPS - 1, Math.max(1, Math.ceil(windowMs / STEP_MS)));
  // the same time for all rows, so that rates add up and can be compared, however new what they are of
  const coveredMs = Math.min(nowMs - (now - steps) * STEP_MS, nowMs - cells.sinceMs + PUSH_MS);
  const groups = grouped(once(summed(cells, selection, now - steps, now), by), by);
  return groups
    .map((group) => rowOf(group, coveredMs, by))
    .toSorted((a, b) => b.requestsPerSecond + b.connectionsPerSecond - (a.requestsPerSecond + a.connectionsPerSecond));
}

/** How signals are asked for over time. */
export interface HistoryOptions {
  /** As `signalKeyText` makes them; all where empty. */
  readonly keys: ReadonlySet<string>;
  readonly stepMs: number;
  readonly windowMs: number;
  readonly nowMs: number;
  /** What the wall clock says at `nowMs`. */
  readonly wallMs: number;
}

/** Series told at most: each is a quarter of an hour of numbers. */
const MAX_SERIES = 500;

/**
 * The same over time: steps that are over, and that every proxy has pushed for. Of what was before the control plane
 * began nothing is told.
 */
export function signalSeries(cells: Cells, selection: Selection, options: HistoryOptions): SignalSeries[] {
  const { by } = selection;
  const per = Math.max(1, Math.ceil(options.stepMs / STEP_MS));
  const last = Math.floor((options.nowMs - PUSH_MS) / STEP_MS) - 1;
  const count = Math.min(Math.floor((STEPS - 1) / per), Math.max(1, Math.ceil(options.windowMs / (per * STEP_MS))));
  const known = Math.max(1, Math.ceil((last - cells.firstStep + 1) / per));
  const first = last - Math.min(count, known) * per + 1;
  const byKey = new Map<string, { readonly key: SignalKey; readonly cells: Cell[] }>();
  for (const { cell } of once(summed(cells, selection, first, last), by)) {
    const { service: _service, ...pair } = keyOf(cell.key, by);
    const key = by === 'edge' ? pair : keyOf(cell.key, by);
    const text = signalKeyText(by, key);
    if (options.keys.size > 0 && !options.keys.has(text)) continue;
    const known = byKey.get(text);
    if (known !== undefined) known.cells.push(cell);
    else if (byKey.size < MAX_SERIES) byKey.set(text, { key, cells: [cell] });
  }
  const endMs = Math.round(options.wallMs - (options.nowMs - (last + 1) * STEP_MS));
  const stepMs = per * STEP_MS;
  return [...byKey].map(([key, group]) => {
    const steps = Array.from({ length: Math.min(count, known) }, (_, i) => {
      const sums = new Float64Array(WIDTH);
      for (const cell of group.cells) addSteps(cell, first + i * per, first + (i + 1) * per - 1, sums);
      return sums;
    });
    return { ...group.key, key, stepMs, endMs, ...overTime(steps, stepMs / 1000) };
  });
}

function overTime(steps: readonly Float64Array[], seconds: number): Omit<SignalSeries, 'key' | 'stepMs' | 'endMs' | keyof SignalKey> {
  const share = (place: number): number[] =>
    steps.map((sums) => ratio(sums[place] ?? 0, Math.max((sums[REQUESTS] ?? 0) + (sums[CONNECTIONS] ?? 0), sums[DENIED] ?? 0)));
  const quantile = (q: number): (number | null)[] => steps.map((sums) => quantileOf(LATENCY_BOUNDS, sums.subarray(BUCKETS), q) ?? null);
  return {
    requestsPerSecond: steps.map((sums) => (sums[REQUESTS] ?? 0) / seconds),
    connectionsPerSecond: steps.map((sums) => (sums[CONNECTIONS] ?? 0) / seconds),
    failureRatio: share(FAILURES),
    deniedRatio: share(DENIED),
    bytesPerSecond: steps.map((sums) => ((sums[SENT_BYTES] ?? 0) + (sums[RECEIVED_BYTES] ?? 0)) / seconds),
    p50Ms: quantile(0.5),
    p95Ms: quantile(0.95),
    p99Ms: quantile(0.99),
  };
}
