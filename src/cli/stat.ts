/** `tulle stat`: rate, errors and latency by workload, service, route or edge. */
import { Argument } from 'commander';
import type { SignalGrouping, SignalRow } from '../model/signals.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { usageError } from './errors.ts';
import { endOf } from './flows/options.ts';
import type { OutputFormat } from './output.ts';
import { statColumns } from './signals/columns.ts';
import { fetchRows, isNamed, type SignalQuery } from './signals/rows.ts';
import { rowsText } from './signals/rows-text.ts';
import { unknownNames } from './signals/unknown-names.ts';
import { printOrWatch } from './signals/watch.ts';
import { windowOption } from './signals/window.ts';
import { findStateDir } from './state-dir.ts';

interface Options {
  readonly stateDir?: string;
  readonly namespace?: string;
  readonly window: string;
  readonly from?: string;
  readonly to?: string;
  readonly watch?: true;
  readonly output: OutputFormat;
}

/** What may be said for a kind. */
const KINDS: readonly (readonly [SignalGrouping, readonly string[]])[] = [
  ['workload', ['workload', 'workloads', 'wl']],
  ['service', ['service', 'services', 'svc']],
  ['route', ['route', 'routes']],
  ['edge', ['edge', 'edges']],
  ['caller', ['caller', 'callers']],
];

/** What of whose signals is asked for: `services`, `service/payments`. */
export function readTarget(text: string): { readonly by: SignalGrouping; readonly name: string } {
  const slash = text.indexOf('/');
  const [kind, name] = slash === -1 ? [text, ''] : [text.slice(0, slash), text.slice(slash + 1)];
  const found = KINDS.find(([, words]) => words.includes(kind));
  if (found !== undefined) return { by: found[0], name };
  throw usageError(`"${text}" is neither a kind nor kind/name`, `kinds are ${KINDS.map(([, [word]]) => word).join(', ')}`);
}

/** The rows of one name, or all. */
export function rowsNamed(rows: readonly SignalRow[], by: SignalGrouping, name: string): readonly SignalRow[] {
  if (name === '') return rows;
  return rows.filter(({ source = '', destination = '', service = '', route = '' }) => {
    if (by === 'edge') return isNamed(source, name) || isNamed(destination, name);
    return isNamed({ caller: source, workload: destination, service, route: `${service}>${route}` }[by], name);
  });
}

function endsOf({ from, to }: Options): Pick<SignalQuery, 'source' | 'destination'> {
  return { source: from && endOf(from, '--from'), destination: to && endOf(to, '--to') };
}

async function print(target: string, options: Options): Promise<void> {
  const { by, name } = readTarget(target);
  const state = findStateDir(options.stateDir);
  const columns = statColumns(by);
  const query = { by, window: options.window, namespace: options.namespace, ...endsOf(options) };
  const text = async (): Promise<string> => {
    const rows = rowsNamed(await fetchRows(state, query), by, name);
    if (rows.length > 0 || options.output !== 'table') return rowsText(rows, columns, options.output);
    const unknown = await unknownNames(state, {
      workloads: [query.source, query.destination, ...(by === 'service' || by === 'route' ? [] : [name])],
      services: by === 'service' ? [name] : [],
      namespace: options.namespace,
    });
    return [rowsText(rows, columns, 'table'), unknown].filter((each) => each !== '').join(': ');
  };
  await printOrWatch(text, options.watch === true);
}

/** Prints golden signals of the running mesh. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('stat', 'Says how often, how well and how fast workloads, services and routes answer.', [
    ['tulle stat', 'each workload: what it serves, whoever calls'],
    ['tulle stat service/payments --window 5m', 'one service, over five minutes'],
    ['tulle stat routes -n shop -w', 'by route, again every two seconds'],
    ['tulle stat edges --from frontend', 'what one workload calls'],
    ['tulle stat callers', 'how each workload is served by those that it calls'],
  ])
    .addArgument(
      new Argument('[kind/name]', 'workloads, services, routes, edges or callers; one of them as kind/name').default('workloads'),
    )
    .option('-n, --namespace <name>', 'only what one namespace has to do with')
    .option('--from <workload>', 'only what that workload calls: name, or namespace/name')
    .option('--to <workload>', 'only what that workload serves')
    .addOption(windowOption('time that counts, until now', '60s'))
    .option('-w, --watch', 'again and again, until Ctrl-C')
    .addOption(stateDirOption())
    .addOption(outputOption())
    .action(print);
  await runCommand(command, args);
}
