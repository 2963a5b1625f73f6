/** `tulle top`: what is busy, slow or failing now, again and again in place. */
import { Option } from 'commander';
import { SIGNAL_GROUPINGS, type SignalGrouping, type SignalRow } from '../model/signals.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { hasColours, type OutputFormat, terminalWidth } from './output.ts';
import { eventsPerSecond, statColumns } from './signals/columns.ts';
import { fitTable, paint } from './fit-table.ts';
import { fetchRows } from './signals/rows.ts';
import { rowsText } from './signals/rows-text.ts';
import { watch } from './signals/watch.ts';
import { windowOption } from './signals/window.ts';
import { findStateDir, type StateDir } from './state-dir.ts';

interface Options {
  readonly stateDir?: string;
  readonly namespace?: string;
  readonly window: string;
  readonly by: SignalGrouping;
  readonly sort: Order;
  readonly output: OutputFormat;
}

const ORDERS = ['rate', 'latency', 'errors'] as const;
type Order = (typeof ORDERS)[number];

/** Proxies push every five seconds. */
const REFRESH_MS = 2000;

const RANKS: Readonly<Record<Order, (row: SignalRow) => number>> = {
  rate: eventsPerSecond,
  latency: ({ p99Ms = 0 }) => p99Ms,
  // what fails most often a second, not what fails most of: one of one is no alarm
  errors: (row) => row.failureRatio * eventsPerSecond(row),
};

/** Rows with what matters first; equal ones by rate. */
export function ranked(rows: readonly SignalRow[], order: Order): SignalRow[] {
  const rank = RANKS[order];
  return rows.toSorted((a, b) => rank(b) - rank(a) || eventsPerSecond(b) - eventsPerSecond(a));
}

function header(rows: readonly SignalRow[], { by, window }: Options, order: Order): string {
  const rate = rows.reduce((sum, row) => sum + eventsPerSecond(row), 0);
  const failures = rows.reduce((sum, row) => sum + row.failureRatio * eventsPerSecond(row), 0);
  return `${rows.length} ${by}s  ${rate.toFixed(1)} requests/s  ${failures.toFixed(1)} failed/s  last ${window}  sorted by ${order}`;
}

async function show(options: Options): Promise<void> {
  const state: StateDir = findStateDir(options.stateDir);
  const { by, window, namespace } = options;
  let order = options.sort;
  const rows = async (): Promise<SignalRow[]> => ranked(await fetchRows(state, { by, window, namespace }), order);
  if (!process.stdout.isTTY || options.output !== 'table') {
    process.stdout.write(`${rowsText(await rows(), statColumns(by), options.output)}\n`);
    return;
  }
  await watch({
    everyMs: REFRESH_MS,
    async render(height) {
      const found = await rows();
      const keys = paint('r rate  l latency  e errors  q quit', 'dim', hasColours());
      const lines = [header(found, options, order), keys, '', ...fitTable(found, statColumns(by), terminalWidth(), hasColours())];
      return lines.slice(0, height);
    },
    onKey(key) {
      order = ORDERS.find((each) => each.startsWith(key)) ?? order;
    },
  });
}

/** Shows what is busiest, slowest or failing most, until `q`; once where nobody looks. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('top', 'Shows what is busy, slow or failing now, again and again in place.', [
    ['tulle top', 'who calls whom, the busiest first'],
    ['tulle top --by service --sort errors', 'services, those that fail most often first'],
    ['tulle top --sort latency -n shop', 'the slowest edges of a namespace'],
  ])
    .addOption(new Option('--by <kind>', 'what a line is of').choices([...SIGNAL_GROUPINGS]).default('edge'))
    .addOption(new Option('--sort <order>', 'what comes first').choices([...ORDERS]).default('rate'))
    .option('-n, --namespace <name>', 'only what one namespace has to do with')
    .addOption(windowOption('time that counts, until now', '30s'))
    .addOption(stateDirOption())
    .addOption(outputOption())
    .action(show);
  await runCommand(command, args);
}
