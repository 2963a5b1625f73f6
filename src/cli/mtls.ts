/** `tulle mtls`: who still speaks plaintext to whom, and whether STRICT would break anybody. */
import { Option } from 'commander';
import { mtlsModeOf } from '../compile/emit/peer-authentication.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { policyPlace } from './flows/columns.ts';
import { runningWorld } from './explain/running-world.ts';
import type { World } from './explain/world.ts';
import { fetchFlows } from './fetch-flows.ts';
import { textOf } from './json.ts';
import {
  callerText,
  type MtlsReport,
  mtlsReport,
  type NamespaceReport,
  type PlaintextEdge,
  type Refusal,
  type WorkloadMode,
} from './mtls/report.ts';
import { type Column, formatRows, hasColours, type OutputFormat, terminalWidth } from './output.ts';
import { formatHost } from './signals/columns.ts';
import { fetchRows } from './signals/rows.ts';
import { unknownNames } from './signals/unknown-names.ts';
import { KEPT, windowOption } from './signals/window.ts';
import { findStateDir } from './state-dir.ts';

interface Options {
  readonly namespace?: string;
  readonly window: string;
  readonly stateDir?: string;
  readonly output: OutputFormat;
}

/** Workloads with the mode of each port that differs as a row of its own. */
function modesOf({ mesh, members }: World): WorkloadMode[] {
  const { peerAuthentications, settings } = mesh;
  return members
    .filter(({ proxy }) => proxy?.role !== 'router')
    .flatMap(({ namespace, workload, proxy, instance }) => {
      const identity = { namespace, labels: proxy?.labels ?? instance?.labels ?? {} };
      const ports = (instance?.ports ?? []).map(({ number }) => number);
      const modes = [undefined, ...ports].map((port) => mtlsModeOf(peerAuthentications, settings.rootNamespace, identity, port));
      return [...new Set(modes)].map((mode) => ({ namespace, workload, hasProxy: proxy !== undefined, mode }));
    });
}

const percent = (ratio: number | undefined): string => (ratio === undefined ? '-' : `${(ratio * 100).toFixed(ratio === 1 ? 0 : 1)} %`);
const rate = (perSecond: number): string => `${perSecond.toFixed(perSecond < 10 ? 2 : 0)}/s`;
const modesText = (modes: NamespaceReport['modes']): string =>
  Object.entries(modes)
    .map(([mode, count]) => `${count} ${mode}`)
    .join(', ');

const NAMESPACE_COLUMNS: readonly Column[] = [
  { title: 'NAMESPACE', cell: (row) => textOf(row['namespace']) },
  { title: 'WORKLOADS', cell: (row) => textOf(row['modes']), dropAt: 5 },
  { title: 'CALLS', cell: (row) => textOf(row['rate']), dropAt: 6 },
  { title: 'MTLS', cell: (row) => textOf(row['mtls']), dropAt: 1 },
  { title: 'STRICT', cell: (row) => textOf(row['verdict']), cutAt: 'end' },
];

const EDGE_COLUMNS: readonly Column[] = [
  { title: 'CALLER', cell: (row) => textOf(row['caller']), cutAt: 'end' },
  { title: 'CALLED', cell: (row) => textOf(row['destination']) },
  { title: 'SERVICE', cell: (row) => textOf(row['service']), dropAt: 5 },
  { title: 'PLAINTEXT', cell: (row) => textOf(row['rate']), dropAt: 2 },
  { title: 'MODE', cell: (row) => textOf(row['mode']), dropAt: 4 },
  { title: 'WITH STRICT', cell: (row) => textOf(row['underStrict']), dropAt: 1 },
];

const REFUSAL_COLUMNS: readonly Column[] = [
  { title: 'CALLER', cell: (row) => textOf(row['caller']), cutAt: 'end' },
  { title: 'CALLED', cell: (row) => textOf(row['destination']) },
  { title: 'CONNECTIONS', cell: (row) => textOf(row['connections']) },
  { title: 'STRICT BY', cell: (row) => textOf(row['policy']), dropAt: 1 },
];

function refusalRow({ caller, destination, connections, policy }: Refusal): Record<string, string> {
  return { caller, destination, connections: String(connections), policy: policy === undefined ? '-' : policyPlace(policy) };
}

function namespaceRow({ namespace, modes, perSecond, mutualTlsRatio, verdict }: NamespaceReport): Record<string, string> {
  return { namespace, modes: modesText(modes), rate: rate(perSecond), mtls: percent(mutualTlsRatio), verdict };
}

function edgeRow(edge: PlaintextEdge): Record<string, string> {
  const { destination, service, protocol, perSecond, mode, underStrict } = edge;
  return {
    caller: callerText(edge),
    destination,
    service: `${formatHost(service)} (${protocol})`,
    rate: rate(perSecond),
    mode,
    underStrict,
  };
}

/** The report as two tables of at most `width` columns. Ends with a newline. */
export function renderReport({ namespaces, plaintext, refusals }: MtlsReport, window: string, width: number, isColoured: boolean): string {
  const table = (rows: Record<string, string>[], columns: readonly Column[]): string =>
    formatRows(rows, columns, 'table', width, isColoured);
  const head = table(namespaces.map(namespaceRow), NAMESPACE_COLUMNS);
  const taken =
    plaintext.length === 0
      ? `Nobody ${refusals.length === 0 ? 'spoke' : 'got through by'} plaintext to a workload with a proxy in the last ${window}.\n`
      : `Plaintext in the last ${window}:\n${table(plaintext.map(edgeRow), EDGE_COLUMNS)}`;
  if (refusals.length === 0) return `${head}\n${taken}`;
  return `${head}\n${taken}\nPlaintext that was refused:\n${table(refusals.map(refusalRow), REFUSAL_COLUMNS)}`;
}

async function mtls(options: Options): Promise<void> {
  const state = findStateDir(options.stateDir);
  const { window } = options;
  const [rows, flows, world] = await Promise.all([
    fetchRows(state, { by: 'edge', window }),
    fetchFlows(state, `since=${encodeURIComponent(window)}&reporter=destination`),
    runningWorld(state),
  ]);
  const wanted = modesOf(world).filter(({ namespace }) => options.namespace === undefined || namespace === options.namespace);
  const known = new Set(wanted.map(({ namespace, workload }) => `${namespace}/${workload}`));
  // callers may be of other namespaces: whether they have a proxy counts as well
  const report = mtlsReport(rows, modesOf(world), flows);
  const shown: MtlsReport = {
    namespaces: report.namespaces.filter(({ namespace }) => options.namespace === undefined || namespace === options.namespace),
    plaintext: report.plaintext.filter(({ destination }) => known.has(destination)),
    refusals: report.refusals.filter(({ destination }) => known.has(destination)),
  };
  if (options.output === 'table' && shown.namespaces.length === 0) {
    const unknown = await unknownNames(state, { namespace: options.namespace });
    if (unknown !== '') return void process.stdout.write(`${unknown}\n`);
  }
  const text =
    options.output === 'table'
      ? renderReport(shown, window, terminalWidth(), hasColours())
      : formatRows([{ window, ...shown }], [], options.output);
  process.stdout.write(text);
}

const EXAMPLES = [
  ['tulle mtls', 'all namespaces, over the last 15 minutes'],
  ['tulle mtls -n shop --window 5m', 'one of them, over a shorter time'],
  ['tulle mtls -o json', 'for programs'],
] as const;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('mtls', 'Says who still speaks plaintext to whom, and whether STRICT would refuse anybody.', EXAMPLES)
    .addOption(new Option('-n, --namespace <namespace>', 'calls to workloads of this one'))
    .addOption(windowOption('how far to look back', KEPT))
    .addOption(stateDirOption())
    .addOption(outputOption())
    .action(mtls);
  await runCommand(command, args);
}
