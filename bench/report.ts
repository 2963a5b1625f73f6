/** Medians over rounds, the tables that are printed, and how far the figures are from those to reach. */
import type { Figures } from './measure.ts';
import { SCENARIOS } from './scenarios.ts';

/** One run. `othersPercent` is how much of the machine others used just before it, `load` the load average then. */
export interface Sample {
  readonly scenario: string;
  readonly peer: string;
  readonly round: number;
  readonly load: number;
  readonly othersPercent: number;
  readonly figures: Figures;
}

export interface Row {
  readonly scenario: string;
  readonly peer: string;
  readonly figures: Figures;
}

const COLUMNS: readonly (readonly [title: string, figure: string, digits: number])[] = [
  ['CPU us/req', 'cpu us', 1],
  ['user us', 'user us', 1],
  ['unique us', 'unique cpu us', 1],
  ['req/s', 'req/s', 0],
  ['p99 full', 'p99 ms', 1],
  ['p50 @1k', 'p50 @1000', 2],
  ['p99 @1k', 'p99 @1000', 2],
  ['p99.9 @1k', 'p99.9 @1000', 2],
  ['p50 @2k', 'p50 @2000', 2],
  ['p99 @2k', 'p99 @2000', 2],
  ['p99.9 @2k', 'p99.9 @2000', 2],
  ['RSS idle', 'idle rss', 0],
  ['RSS end', 'end rss', 0],
  ['private idle', 'idle private', 0],
  ['private end', 'end private', 0],
  ['MiB/CPU s', 'MiB/cpu s', 0],
  ['start ms', 'start ms', 0],
  ['first ms', 'first start ms', 0],
  ['errors', 'errors', 0],
];

/** The one in the middle. */
export function middle(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

/** One row for each scenario and peer. */
export function medians(samples: readonly Sample[]): Row[] {
  return [...Map.groupBy(samples, ({ scenario, peer }) => `${scenario} ${peer}`).values()].map((own) => {
    const figures: Figures = {};
    for (const name of new Set(own.flatMap((sample) => Object.keys(sample.figures))))
      figures[name] = middle(own.flatMap((sample) => sample.figures[name] ?? []));
    return { scenario: own[0]?.scenario ?? '', peer: own[0]?.peer ?? '', figures };
  });
}

/** Prints lines of cells in columns; the first `left` are words. */
export function printColumns(lines: readonly (readonly string[])[], left: number): void {
  const widths = (lines[0] ?? []).map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  for (const line of lines)
    console.log(line.map((cell, i) => (i < left ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '));
}

/** Prints every figure that any row has. */
export function printTable(rows: readonly Row[]): void {
  const columns = COLUMNS.filter(([, figure]) => rows.some(({ figures }) => Number.isFinite(figures[figure])));
  const cell = (value: number | undefined, digits: number): string => (Number.isFinite(value) ? (value ?? 0).toFixed(digits) : '');
  const lines = rows.map(({ scenario, peer, figures }) => [
    scenario,
    peer,
    ...columns.map(([, figure, digits]) => cell(figures[figure], digits)),
  ]);
  printColumns([['scenario', 'peer', ...columns.map(([title]) => title)], ...lines], 2);
}

/** A figure to reach: what Tulle's may be at most (`least`: at least), as a share of the other. */
interface Bar {
  readonly what: string;
  readonly scenario: string;
  readonly figure: string;
  readonly bar: number;
  readonly isLeast?: true;
  /** Reckoned above the same figure of the origin without a proxy. */
  readonly isAdded?: true;
  /** Compared with this figure of Tulle's own, not with Envoy's. */
  readonly against?: string;
}

const bar = (scenario: string, what: string, figure: string, share: number, more: Partial<Bar> = {}): Bar => {
  const title = SCENARIOS.find(({ name }) => name === scenario)?.title ?? scenario;
  return { what: `${title}: ${what}`, scenario, figure, bar: share, ...more };
};
const UNIQUE = { against: 'cpu us' } as const;
const ADDED = { isAdded: true } as const;

const BARS: readonly Bar[] = [
  bar('http', 'CPU us/request', 'cpu us', 0.65),
  bar('mtls', 'CPU us/request', 'cpu us', 0.65),
  bar('mtls-h2', 'CPU us/request', 'cpu us', 0.6),
  bar('grpc', 'CPU us/request', 'cpu us', 0.8),
  bar('http', 'unique requests', 'unique cpu us', 1.1, UNIQUE),
  bar('mtls', 'unique requests', 'unique cpu us', 1.1, UNIQUE),
  bar('mtls-h2', 'unique requests', 'unique cpu us', 1.1, UNIQUE),
  bar('mtls', 'p99 added at 1,000/s, ms', 'p99 @1000', 1, ADDED),
  bar('mtls-h2', 'p99 added at 1,000/s, ms', 'p99 @1000', 1, ADDED),
  bar('mtls', 'p99.9 at 2,000/s, ms', 'p99.9 @2000', 1),
  bar('mtls-h2', 'p99.9 at 2,000/s, ms', 'p99.9 @2000', 1),
  bar('http', 'RSS after the run, MiB', 'end rss', 1.15),
  bar('http', 'private memory after the run, MiB', 'end private', 1.15),
  bar('mtls-h2', 'RSS after the run, MiB', 'end rss', 1.15),
  bar('mtls-h2', 'private memory after the run, MiB', 'end private', 1.15),
  bar('start', 'ms', 'start ms', 1),
  bar('bulk', 'MiB a CPU second', 'MiB/cpu s', 0.7, { isLeast: true }),
  bar('bulk-mtls-h2', 'MiB a CPU second', 'MiB/cpu s', 0.7, { isLeast: true }),
];

/** One figure of a peer, by round; where `isAdded`, less what the origin alone takes. */
function byRound(samples: readonly Sample[], { scenario, figure, isAdded }: Bar, peer: string, named = figure): Map<number, number> {
  const of = (who: string): readonly Sample[] => samples.filter((sample) => sample.scenario === scenario && sample.peer === who);
  const floor = isAdded === true ? middle(of('origin').map(({ figures }) => figures[named] ?? NaN)) : 0;
  return new Map(of(peer).map(({ round, figures }) => [round, (figures[named] ?? NaN) - floor]));
}

/**
 * Prints each figure to reach beside what was reached. The ratio is the middle of those of the rounds: what is compared
 * ran one after the other then, so that less of the machine's drift is in it than in a ratio of medians.
 */
export function printBars(samples: readonly Sample[]): void {
  const lines = BARS.flatMap((wanted) => {
    const { what, bar: share, isLeast, against } = wanted;
    const tulle = byRound(samples, wanted, 'tulle');
    const other = against === undefined ? byRound(samples, wanted, 'envoy') : byRound(samples, wanted, 'tulle', against);
    const ratio = middle(
      [...tulle].flatMap(([round, value]) => value / (other.get(round) ?? NaN)).filter((value) => Number.isFinite(value)),
    );
    if (!Number.isFinite(ratio)) return [];
    const isReached = isLeast === true ? ratio >= share : ratio <= share;
    const limit = `${isLeast === true ? '>=' : '<='} ${share}`;
    const cells = [tulle, other].map((values) => middle([...values.values()]).toFixed(1));
    return [[what, ...cells, ratio.toFixed(2), limit, isReached ? 'yes' : 'NO']];
  });
  if (lines.length > 0) printColumns([['figure', 'tulle', 'envoy (unique: tulle)', 'ratio', 'to reach', 'reached'], ...lines], 1);
}
