/** Medians over rounds and the table that is printed. */
import type { Sample } from './bench.ts';

export type Row = { readonly scenario: string; readonly peer: string } & Record<string, number | string>;

function middle(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

const COLUMNS: readonly (readonly [title: string, figure: (sample: Sample) => number, digits: number])[] = [
  ['CPU us/req', (s) => s.cpuUsPerRequest, 1],
  ['user us', (s) => s.userUsPerRequest, 1],
  ['req/s', (s) => s.requestsPerSecond, 0],
  ['p99 full ms', (s) => s.p99Ms, 2],
  ['p50 @1k ms', (s) => s.rate.p50Ms, 2],
  ['p99 @1k ms', (s) => s.rate.p99Ms, 2],
  ['p99.9 @1k ms', (s) => s.rate.p999Ms, 2],
  ['RSS idle MiB', (s) => s.idleRssMiB, 0],
  ['RSS loaded MiB', (s) => s.loadedRssMiB, 0],
  ['start ms', (s) => s.startMs, 0],
  ['errors', (s) => s.errors, 0],
];

/** One row for each scenario and peer; `vs envoy` is the ratio of CPU per request. */
export function median(samples: readonly Sample[]): Row[] {
  const rows: Row[] = [];
  for (const key of new Set(samples.map((s) => `${s.scenario} ${s.peer}`))) {
    const [scenario = '', peer = ''] = key.split(' ');
    const own = samples.filter((s) => s.scenario === scenario && s.peer === peer);
    const row: Row = { scenario, peer };
    for (const [title, figure] of COLUMNS) row[title] = middle(own.map(figure));
    rows.push(row);
  }
  for (const row of rows) {
    const envoy = rows.find((other) => other.scenario === row.scenario && other.peer === 'envoy')?.['CPU us/req'];
    const own = row['CPU us/req'];
    if (typeof envoy === 'number' && typeof own === 'number') row['vs envoy'] = own / envoy;
  }
  return rows;
}

/** Prints the medians as a table of fixed columns. */
export function printTable(samples: readonly Sample[]): void {
  const titles = ['scenario', 'peer', ...COLUMNS.map(([title]) => title), 'vs envoy'];
  const digits = new Map<string, number>(COLUMNS.map(([title, , places]) => [title, places]));
  const rows = median(samples).map((row) =>
    titles.map((title) => {
      const cell = row[title];
      return typeof cell === 'number' ? cell.toFixed(digits.get(title) ?? 2) : (cell ?? '');
    }),
  );
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  for (const row of [titles, ...rows])
    console.log(row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '));
}
