/** `tulle tax`: what the mesh adds here, in latency, CPU and memory, measured on the calls that are made. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import { parseDurationMs } from '../compile/schema/duration.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { usageError } from './errors.ts';
import { fetchFlows } from './fetch-flows.ts';
import { textOf } from './json.ts';
import { type Column, formatRows, hasColours, type OutputFormat, terminalWidth } from './output.ts';
import { readAdmin, type RunningProxy, runningProxies } from './proxy-admin.ts';
import { findStateDir } from './state-dir.ts';
import { type CostRow, costRow, type Reading, readingOf } from './tax/cost.ts';
import { type LatencyRow, latencyRows, type Spread } from './tax/latency.ts';

interface Options {
  readonly window: string;
  readonly for: string;
  readonly stateDir?: string;
  readonly output: OutputFormat;
}

const MIB = 1024 * 1024;

async function read(proxy: RunningProxy): Promise<Reading> {
  return readingOf(await readAdmin(proxy, '/stats/prometheus'), performance.now());
}

/** Readings of all proxies, `ms` apart. */
async function costs(stateDir: string | undefined, ms: number): Promise<CostRow[]> {
  const proxies = runningProxies(stateDir, undefined);
  const before = await Promise.all(proxies.map(read));
  await sleep(ms);
  const after = await Promise.all(proxies.map(read));
  return proxies
    .flatMap(({ name }, i) => {
      const [first, last] = [before[i], after[i]];
      return first === undefined || last === undefined ? [] : [costRow(name, first, last)];
    })
    .toSorted((a, b) => b.cores - a.cores);
}

const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
const spread = ({ p50Ms, p99Ms }: Spread): string => `${ms(p50Ms)} / ${ms(p99Ms)}`;

/** Columns with the highest `dropAt` go first where there is no room; names are cut. */
function column(title: string, key: string, dropAt?: number): Column {
  return { title, cell: (row) => textOf(row[key]), ...(dropAt !== undefined && { dropAt }) };
}

const LATENCY = [
  column('FROM', 'source'),
  column('TO', 'destination'),
  column('CALLS', 'calls', 4),
  column('WHOLE P50 / P99 MS', 'whole', 3),
  column('APPLICATION', 'application', 2),
  column('MESH AND NETWORK', 'added', 1),
];

const COSTS = [
  column('PROXY', 'proxy'),
  column('CALLS/S', 'rate', 4),
  column('CPU %', 'cpu', 1),
  column('CPU US A CALL', 'cpuUs', 2),
  column('IN PROXY P50 / P99 MS', 'own', 3),
  column('RSS MIB', 'memory', 5),
];

function latencyText(rows: readonly LatencyRow[], window: string): string {
  if (rows.length === 0) {
    return `No call of the last ${window} was told of by both proxies on its way: sampled flow records come with traffic.\n`;
  }
  const cells = rows.map((row) => ({ ...row, whole: spread(row.whole), application: spread(row.application), added: spread(row.added) }));
  return formatRows(cells, LATENCY, 'table', terminalWidth(), hasColours());
}

function costText(rows: readonly CostRow[]): string {
  const cells = rows.map(({ proxy, perSecond, cores, cpuUs, own, residentBytes }) => ({
    proxy,
    rate: perSecond.toFixed(perSecond < 10 ? 1 : 0),
    cpu: (cores * 100).toFixed(1),
    cpuUs: cpuUs === undefined ? '-' : cpuUs.toFixed(0),
    own: own === undefined ? '-' : spread(own),
    memory: (residentBytes / MIB).toFixed(0),
  }));
  const cores = rows.reduce((sum, row) => sum + row.cores, 0);
  const bytes = rows.reduce((sum, row) => sum + row.residentBytes, 0);
  return `${formatRows(cells, COSTS, 'table', terminalWidth(), hasColours())}All ${rows.length} proxies: ${(cores * 100).toFixed(1)} % of a core, ${(bytes / MIB).toFixed(0)} MiB.\n`;
}

async function tax(options: Options): Promise<void> {
  const forMs = parseDurationMs(options.for);
  if (forMs === undefined || forMs <= 0) throw usageError(`--for ${options.for} is not a time`, 'e.g. --for 5s');
  const windowMs = parseDurationMs(options.window);
  if (windowMs === undefined || windowMs <= 0) throw usageError(`--window ${options.window} is not a time`, 'e.g. --window 15m');
  const state = findStateDir(options.stateDir);
  const cost = await costs(options.stateDir, forMs);
  const latency = latencyRows(await fetchFlows(state, `since=${encodeURIComponent(options.window)}&verdict=forwarded`));
  process.stdout.write(
    options.output === 'table'
      ? `${latencyText(latency, options.window)}\n${costText(cost)}`
      : formatRows([{ window: options.window, latency, cost }], [], options.output),
  );
}

const EXAMPLES = [
  ['tulle tax', 'latency over the last 15 minutes, CPU over 5 seconds'],
  ['tulle tax --window 1m --for 30s', 'of the last minute; CPU over a longer time'],
] as const;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand(
    'tax',
    'Says what the mesh adds here, in latency, CPU and memory, measured on the calls that are made.',
    EXAMPLES,
  )
    .addOption(new Option('--window <time>', 'calls to look at').default('15m'))
    .addOption(new Option('--for <time>', 'how long to watch CPU').default('5s'))
    .addOption(stateDirOption())
    .addOption(outputOption())
    .action(tax);
  await runCommand(command, args);
}
