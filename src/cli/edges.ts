/** `tulle edges`: who calls whom, with which identities, over mTLS or not, and how well. */
import { Argument } from 'commander';
import type { SignalRow } from '../model/signals.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { paint } from './fit-table.ts';
import { hasColours, type OutputFormat } from './output.ts';
import { EDGE_COLUMNS } from './signals/columns.ts';
import { fetchRows } from './signals/rows.ts';
import { rowsText } from './signals/rows-text.ts';
import { unknownNames } from './signals/unknown-names.ts';
import { printOrWatch } from './signals/watch.ts';
import { windowOption } from './signals/window.ts';
import { rowsNamed } from './stat.ts';
import { findStateDir } from './state-dir.ts';

interface Options {
  readonly stateDir?: string;
  readonly namespace?: string;
  readonly window: string;
  readonly watch?: true;
  readonly plaintext?: true;
  readonly output: OutputFormat;
}

function plaintextOf(rows: readonly SignalRow[]): SignalRow[] {
  return rows.filter(({ mutualTlsRatio }) => mutualTlsRatio !== undefined && mutualTlsRatio < 1);
}

/** How many of `rows` are on mTLS, of those of which that is known. */
export function mutualSummary(rows: readonly SignalRow[]): string {
  const plain = plaintextOf(rows).length;
  const untold = rows.filter(({ mutualTlsRatio }) => mutualTlsRatio === undefined).length;
  const known = rows.length - untold;
  const rest = untold === 0 ? '' : `; of ${untold} nobody can tell`;
  if (plain > 0) return `${plain} of ${rows.length} edges are not on mTLS, or not always${rest}`;
  if (known === 0) return `of ${rows.length === 1 ? 'the one edge' : `all ${rows.length} edges`} nobody can tell if it is on mTLS`;
  return `${known === 1 ? 'the one edge is' : `all ${known} edges are`} on mTLS${rest}`;
}

/** `all` are those that are not shown too. */
function textOf(rows: readonly SignalRow[], format: OutputFormat, all: readonly SignalRow[]): string {
  const summary = paint(mutualSummary(all), plaintextOf(all).length === 0 ? 'good' : 'warn', hasColours());
  return rowsText(rows, EDGE_COLUMNS, format, [summary]);
}

async function print(workload: string | undefined, options: Options): Promise<void> {
  const state = findStateDir(options.stateDir);
  const text = async (): Promise<string> => {
    const rows = rowsNamed(
      await fetchRows(state, { by: 'edge', window: options.window, namespace: options.namespace }),
      'edge',
      workload ?? '',
    );
    const shown = options.plaintext === true ? plaintextOf(rows) : rows;
    if (options.output !== 'table') return textOf(shown, options.output, rows);
    if (shown.length < rows.length && shown.length === 0) return mutualSummary(rows);
    const unknown = rows.length > 0 ? '' : await unknownNames(state, { workloads: [workload], namespace: options.namespace });
    return [textOf(shown, 'table', rows), unknown].filter((each) => each !== '').join(': ');
  };
  await printOrWatch(text, options.watch === true);
}

/** Prints the edges of the running mesh. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('edges', 'Says who calls whom, as whom, over mTLS or not, and how well.', [
    ['tulle edges', 'every pair of workloads with traffic in the last five minutes'],
    ['tulle edges payments', 'who calls it, and whom it calls'],
    ['tulle edges --plaintext', 'those that are not on mTLS'],
  ])
    .addArgument(new Argument('[workload]', 'at one end of the edges'))
    .option('-n, --namespace <name>', 'at one end of the edges')
    .addOption(windowOption('time that counts, until now', '5m'))
    .option('--plaintext', 'only edges that are not on mTLS, or not always')
    .option('-w, --watch', 'again and again, until Ctrl-C')
    .addOption(stateDirOption())
    .addOption(outputOption())
    .action(print);
  await runCommand(command, args);
}
