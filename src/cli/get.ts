/** `tulle get`: what the control plane understood of what was written. */
import { Argument } from 'commander';
import { callControl } from './admin-client.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { isObject, type JsonObject, objectsOf, rowsAt, textOf } from './json.ts';
import { type Column, formatRows, hasColours, type OutputFormat, terminalWidth } from './output.ts';
import { findStateDir } from './state-dir.ts';

const text =
  (key: string): Column['cell'] =>
  (row) =>
    textOf(row[key]) || '-';

function listed(value: unknown): string {
  return Array.isArray(value) && value.length > 0 ? value.map(textOf).join(',') : '-';
}

function portsOf(row: JsonObject): string {
  return (
    objectsOf(row['ports'])
      .map((port) => `${textOf(port['number'])}/${textOf(port['protocol'])}`)
      .join(',') || '-'
  );
}

function endpointsOf(row: JsonObject): string {
  const endpoints = objectsOf(row['endpoints']);
  return `${endpoints.filter((endpoint) => endpoint['isReady'] === true).length}/${endpoints.length}`;
}

function placeOf(row: JsonObject): string {
  const origin = isObject(row['origin']) ? row['origin'] : {};
  return `${textOf(origin['file'])}:${textOf(origin['line'])}`;
}

/** What a policy does, in a word or two. */
function effectOf(row: JsonObject): string {
  const action = textOf(row['action']);
  const provider = textOf(row['provider']);
  if (provider !== '') return `${action} (${provider})`;
  if (action !== '') return row['isDryRun'] === true ? `${action} (dry run)` : action;
  return textOf(row['mode']) || textOf(row['host']) || listed(row['issuers']) || '-';
}

const NAMESPACE: Column = { title: 'NAMESPACE', cell: text('namespace') };
const NAME: Column = { title: 'NAME', cell: text('name') };
const FROM: Column = { title: 'FROM', cell: placeOf };
const SERVICE_ACCOUNT: Column = { title: 'SERVICE ACCOUNT', cell: text('serviceAccount'), dropAt: 5 };

/** What can be listed, and its table's columns. */
const LISTS: Readonly<Record<string, readonly Column[]>> = {
  services: [
    NAMESPACE,
    NAME,
    { title: 'HOST', cell: text('hostname') },
    { title: 'ADDRESSES', cell: (row) => listed(row['addresses']), dropAt: 5 },
    { title: 'PORTS', cell: portsOf },
    { title: 'READY', cell: endpointsOf },
    FROM,
  ],
  routes: [
    NAMESPACE,
    NAME,
    { title: 'HOSTS', cell: (row) => listed(row['hosts']) },
    { title: 'GATEWAYS', cell: (row) => listed(row['gateways']) },
    { title: 'RULES', cell: (row) => String(objectsOf(row['rules']).length) },
    FROM,
  ],
  policies: [NAMESPACE, NAME, { title: 'KIND', cell: text('kind'), dropAt: 1 }, { title: 'EFFECT', cell: effectOf }, FROM],
  workloads: [
    NAMESPACE,
    NAME,
    { title: 'ROLE', cell: (row) => (row['role'] === 'router' ? 'gateway' : textOf(row['role'])) },
    { title: 'REPLICAS', cell: text('replicas') },
    SERVICE_ACCOUNT,
    { title: 'PORTS', cell: portsOf },
    { title: 'COMMAND', cell: (row) => (Array.isArray(row['command']) ? row['command'].map(textOf).join(' ') : '') || '-', dropAt: 6 },
    FROM,
  ],
  instances: [
    NAMESPACE,
    { title: 'NAME', cell: text('id') },
    { title: 'ADDRESS', cell: text('address') },
    { title: 'READY', cell: text('isReady') },
    SERVICE_ACCOUNT,
    { title: 'PORTS', cell: portsOf },
  ],
};

async function get(what: string, options: { stateDir?: string; output: OutputFormat; namespace?: string }): Promise<void> {
  const answer = await callControl(findStateDir(options.stateDir), `/api/${what}`);
  const rows = rowsAt(answer, what);
  const wanted = options.namespace === undefined ? rows : rows.filter((row) => row['namespace'] === options.namespace);
  process.stdout.write(formatRows(wanted, LISTS[what] ?? [], options.output, terminalWidth(), hasColours()));
}

/** Lists what the mesh is made of. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('get', 'Lists what the control plane understood of what was written, and from which file and line.', [
    ['tulle get services', 'names, addresses, ports, ready endpoints'],
    ['tulle get routes -o yaml', 'with every rule and its line'],
    ['tulle get policies --namespace shop', 'of one namespace'],
  ])
    .addArgument(new Argument('<what>', 'what to list').choices(Object.keys(LISTS)))
    .option('-n, --namespace <name>', 'only of this namespace')
    .addOption(stateDirOption())
    .addOption(outputOption())
    .action(get);
  await runCommand(command, args);
}
