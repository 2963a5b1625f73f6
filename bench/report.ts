/** Medians over rounds, and the tables that are printed. */
import type { Figures } from './measure.ts';

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
  ['first second us', 'first cpu us', 1],
  ['one worker us', 'one cpu us', 1],
  ['without telemetry us', 'silent cpu us', 1],
  ['times that', 'times silent', 2],
  ['scrape ms/1k', 'scrape ms', 1],
  ['user us', 'user us', 1],
  ['unique us', 'unique cpu us', 1],
  ['req/s', 'req/s', 0],
  ['p99 full', 'p99 ms', 1],
  ['CPU us/conn', 'connection us', 0],
  ['conn/s', 'connections/s', 0],
  ['CPU us/MiB', 'MiB us', 0],
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
  ['RSS held', 'held rss', 0],
  ['private held', 'held private', 0],
  ['KiB each', 'held KiB', 1],
  ['CPU % held', 'held cpu %', 1],
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

const kindOf = ({ figures }: Row): string => Object.keys(figures).toSorted().join();

/** Prints every figure: a table for each kind of row, with the columns that it has. */
export function printTables(rows: readonly Row[]): void {
  const cell = (value: number | undefined, digits: number): string => (Number.isFinite(value) ? (value ?? 0).toFixed(digits) : '');
  for (const alike of Map.groupBy(rows, kindOf).values()) {
    const columns = COLUMNS.filter(([, figure]) => alike.some(({ figures }) => Number.isFinite(figures[figure])));
    const lines = alike.map(({ scenario, peer, figures }) => [
      scenario,
      peer,
      ...columns.map(([, figure, digits]) => cell(figures[figure], digits)),
    ]);
    printColumns([['scenario', 'peer', ...columns.map(([title]) => title)], ...lines], 2);
    console.log();
  }
}
