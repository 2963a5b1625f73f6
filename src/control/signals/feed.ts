/**
 * What one proxy pushes, put into cells. Counters are what was added since the push before (`report_counters_as_deltas`),
 * and Envoy's histograms are that always, so that neither restarts nor lost pushes make anything count twice.
 */
import { UNKNOWN_WORKLOAD } from '../../model/signals.ts';
import {
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
} from './cells.ts';
import { type MetricVisitor, readLabels, type SeriesText } from './metric-bytes.ts';
import { meaningOf, type SeriesMeaning } from './sort-labels.ts';

/** Series of one stream whose labels are kept; beyond them all are read anew. */
const MAX_SERIES = 20_000;

interface Series {
  readonly meaning: SeriesMeaning;
  /** What it counts for: its own key, and for gateways what came to them. */
  readonly keys: readonly CellKey[];
  cells: readonly Cell[];
}

/** What the series of all streams have come to. */
export interface FeedCounts {
  series: number;
  /** Values that there was no room for. */
  lost: number;
}

/** Who sends: what its series mean depends on it. */
export interface Sender {
  /** Our own proxies tell denials in a metric of theirs; of others flags have to tell them. */
  readonly tellsDenials: boolean;
  /** A gateway's callers have no proxy: that it passed something on is the only word of what came to it. */
  readonly isGateway: boolean;
}

function keysOf({ key }: SeriesMeaning, { isGateway }: Sender): readonly CellKey[] {
  const { teller, route, source, protocol } = key;
  if (!isGateway || teller === 'destination' || route !== '') return [key];
  return [key, { teller: 'gateway', source: UNKNOWN_WORKLOAD, destination: source, service: '', route: '', protocol }];
}

/** The bucket of ours that has what is up to `bound`. */
function bucketOf(bound: number): number {
  const at = LATENCY_BOUNDS.findIndex((own) => bound <= own);
  return at === -1 ? LATENCY_BOUNDS.length : at;
}

/** Takes what one stream says. */
export class Feed implements Pick<MetricVisitor, 'counter' | 'histogram'> {
  readonly #cells: Cells;
  readonly #counts: FeedCounts;
  readonly #sender: Sender;
  readonly #series = new Map<string, Series>();

  constructor(cells: Cells, counts: FeedCounts, sender: Sender) {
    this.#cells = cells;
    this.#counts = counts;
    this.#sender = sender;
  }

  counter(series: SeriesText, value: number): void {
    if (!(value > 0)) return;
    switch (series.name) {
      case 'istio_requests_total':
        return this.#requests(series, value, REQUESTS);
      case 'istio_tcp_connections_opened_total':
        return this.#requests(series, value, CONNECTIONS);
      case 'istio_tcp_sent_bytes_total':
        return this.#add(series, SENT_BYTES, value);
      case 'istio_tcp_received_bytes_total':
        return this.#add(series, RECEIVED_BYTES, value);
      case 'tulle_denied_total':
        return this.#add(series, DENIED, value);
    }
  }

  histogram(series: SeriesText, count: number, sum: number, bounds: readonly number[], cumulative: readonly number[]): void {
    if (!(count > 0)) return;
    switch (series.name) {
      case 'istio_request_duration_milliseconds':
        return this.#latency(series, count, bounds, cumulative);
      case 'tulle_route_duration_milliseconds':
        this.#requests(series, count, REQUESTS);
        return this.#latency(series, count, bounds, cumulative);
      case 'istio_request_bytes':
        return this.#add(series, RECEIVED_BYTES, sum);
      case 'istio_response_bytes':
        return this.#add(series, SENT_BYTES, sum);
    }
  }

  /** Series are not told of any more. */
  close(): void {
    this.#counts.series -= this.#series.size;
    this.#series.clear();
  }

  #seriesOf(text: SeriesText): Series {
    // names do not matter: what labels mean is the same in all metrics
    const known = this.#series.get(text.labels);
    if (known !== undefined) return known;
    if (this.#series.size >= MAX_SERIES) this.close();
    const meaning = meaningOf(readLabels(text));
    const series: Series = { meaning, keys: keysOf(meaning, this.#sender), cells: [] };
    this.#series.set(text.labels, series);
    this.#counts.series++;
    return series;
  }

  #cellsOf(text: SeriesText): readonly Cell[] {
    const series = this.#seriesOf(text);
    if (series.cells.length === series.keys.length && series.cells.every(({ isKept }) => isKept)) return series.cells;
    const { sourcePrincipal, destinationPrincipal } = series.meaning;
    series.cells = series.keys.flatMap((key) => {
      const cell = this.#cells.obtain(key);
      if (cell === undefined) {
        this.#counts.lost++;
        return [];
      }
      if (sourcePrincipal !== '') cell.sourcePrincipal = sourcePrincipal;
      if (destinationPrincipal !== '') cell.destinationPrincipal = destinationPrincipal;
      return [cell];
    });
    return series.cells;
  }

  #add(text: SeriesText, place: number, amount: number): void {
    for (const cell of this.#cellsOf(text)) if (amount > 0) this.#cells.add(cell, place, amount);
  }

  /** Counts requests or connections, and what they were. */
  #requests(text: SeriesText, value: number, place: number): void {
    const { isFailure, isDenied, isMutual, key } = this.#seriesOf(text).meaning;
    for (const cell of this.#cellsOf(text)) {
      this.#cells.add(cell, place, value);
      if (isFailure) this.#cells.add(cell, FAILURES, value);
      if (isMutual) this.#cells.add(cell, MUTUAL, value);
      if (isDenied && (key.route !== '' || !this.#sender.tellsDenials)) this.#cells.add(cell, DENIED, value);
    }
  }

  #latency(text: SeriesText, count: number, bounds: readonly number[], cumulative: readonly number[]): void {
    for (const cell of this.#cellsOf(text)) {
      let below = 0;
      for (const [i, bound] of bounds.entries()) {
        const upTo = cumulative[i] ?? below;
        if (upTo > below) this.#cells.add(cell, BUCKETS + bucketOf(bound), upTo - below);
        below = Math.max(below, upTo);
      }
      if (count > below) this.#cells.add(cell, BUCKETS + LATENCY_BOUNDS.length, count - below);
    }
  }
}
