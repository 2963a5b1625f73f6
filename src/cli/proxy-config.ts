/** `tulle proxy-config`: the configuration that a proxy really has, read from its own admin interface. */
import { Argument, InvalidArgumentError, Option } from 'commander';
import { messageOf } from '../core/errors.ts';
import { readInput } from './read-input.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { CliError, usageError } from './errors.ts';
import { type JsonObject, objectAt } from './json.ts';
import { formatRows, type OutputFormat, valueText } from './output.ts';
import { proxyAt, readAdmin, type RunningProxy, runningProxies } from './proxy-admin.ts';
import { clustersView } from './proxy-config/clusters.ts';
import { type Dump, type Dumped, readDump } from './proxy-config/dump.ts';
import { endpointsView, inlineAssignments } from './proxy-config/endpoints.ts';
import { listenersView } from './proxy-config/listeners.ts';
import { routesView } from './proxy-config/routes.ts';
import { secretsView, usedCertificates } from './proxy-config/secrets.ts';
import type { Filters, View } from './proxy-config/view.ts';

const VIEWS: readonly View[] = [clustersView, listenersView, routesView, endpointsView, secretsView];
const FILTERS = [
  'port',
  'address',
  'type',
  'name',
  'fqdn',
  'subset',
  'direction',
  'cluster',
  'status',
] as const satisfies readonly (keyof Filters)[];

interface Options extends Filters {
  readonly adminAddress?: string;
  readonly file?: string;
  readonly stateDir?: string;
  readonly output: OutputFormat;
}

/** The one proxy that is meant: of a workload with several instances the first. */
function proxyOf(name: string | undefined, { adminAddress, stateDir }: Options): RunningProxy {
  if (adminAddress !== undefined) return proxyAt(adminAddress);
  if (name === undefined)
    throw usageError('whose configuration?', 'name a proxy of tulle status, or --admin-address, or a dump with --file');
  const [first] = runningProxies(stateDir, name);
  if (first === undefined) throw new CliError(`no proxy of ${name} runs`);
  return first;
}

async function dumpOf(name: string | undefined, options: Options): Promise<Dump> {
  if (options.file === undefined) return readDump(await readAdmin(proxyOf(name, options), '/config_dump?include_eds'));
  const text = readInput(options.file);
  try {
    return readDump(text);
  } catch (cause) {
    throw new CliError(`${options.file} is not a config_dump: ${messageOf(cause)}`, 'it is what /config_dump?include_eds answers', {
      cause,
    });
  }
}

/** A resource with what is known of it besides. */
function resourceJson({ name, state, version, error, body }: Dumped): JsonObject {
  return { name, state, ...(version === '' ? {} : { version }), ...(error === '' ? {} : { error }), resource: body };
}

function printView(view: View, dump: Dump, options: Options): string {
  const resources = view.kind === 'endpoints' ? [...dump.resources, ...inlineAssignments(dump.resources)] : dump.resources;
  const own = resources.filter(({ kind }) => kind === view.kind);
  if (options.output === 'table')
    return formatRows(
      own.flatMap((resource) => view.rows(resource, options)),
      view.columns,
      'table',
    );
  const wanted = own.filter((resource) => view.rows(resource, options).length > 0);
  return formatRows(wanted.map(resourceJson), [], options.output);
}

/** Why a list that nobody has filtered may be empty, or not have all. */
function emptyHint(dump: Dump, what: string, options: Options): string {
  const isOnDemand = objectAt(dump.bootstrap, 'node', 'metadata', 'TULLE')['onDemand'] === true;
  if (!isOnDemand || options.output !== 'table') return '';
  if (what === 'routes') return '\nthis proxy asks for virtual hosts when their hosts are first called\n';
  if (dump.resources.some(({ kind }) => kind === what)) return '';
  return what === 'clusters' || what === 'endpoints'
    ? 'this proxy asks for clusters and their endpoints when traffic first needs them\n'
    : '';
}

function checkFilters(what: string, options: Options): void {
  const known = VIEWS.find(({ kind }) => kind === what)?.filters ?? [];
  const strange = FILTERS.find((filter) => options[filter] !== undefined && !known.includes(filter));
  if (strange === undefined) return;
  const hint = known.length === 0 ? `${what} has no filters` : `filters of ${what} are --${known.join(', --')}`;
  throw usageError(`${what} cannot be filtered by --${strange}`, hint);
}

function printAll(dump: Dump, options: Options): string {
  if (options.output !== 'table') {
    const sections = VIEWS.map(({ kind }) => [kind, dump.resources.filter((each) => each.kind === kind).map(resourceJson)]);
    return valueText({ bootstrap: dump.bootstrap, ...Object.fromEntries(sections) }, options.output);
  }
  return VIEWS.map((view) => printView(view, dump, options)).join('\n');
}

/** Secrets of a running proxy whose dump has none: those that it made for itself. */
async function ownSecrets(name: string | undefined, options: Options): Promise<string> {
  const rows = usedCertificates(await readAdmin(proxyOf(name, options), '/certs'));
  return formatRows(
    rows.filter((row) => options.name === undefined || row['name'] === options.name),
    secretsView.columns,
    options.output,
  );
}

async function print(what: string, name: string | undefined, options: Options): Promise<void> {
  checkFilters(what, options);
  const dump = await dumpOf(name, options);
  const hasSecrets = options.file !== undefined || dump.resources.some(({ kind }) => kind === 'secrets');
  if (what === 'secrets' && !hasSecrets) {
    process.stdout.write(await ownSecrets(name, options));
    return;
  }
  const view = VIEWS.find(({ kind }) => kind === what);
  if (what === 'bootstrap') process.stdout.write(valueText(dump.bootstrap, options.output));
  else if (view === undefined) process.stdout.write(printAll(dump, options));
  else process.stdout.write(printView(view, dump, options) + emptyHint(dump, what, options));
}

function parsePort(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError(`"${text}" is not a port.`);
}

const EXAMPLES = [
  ['tulle proxy-config listeners web-0.shop', 'filter chains, what they match, where they lead'],
  ['tulle proxy-config clusters web --fqdn reviews.shop.svc.cluster.local', 'one service'],
  ['tulle proxy-config routes web --name 9080 -o yaml', 'a whole route table'],
  ['tulle proxy-config endpoints web --cluster "outbound|9080||reviews"', 'who answers for a cluster'],
  ['tulle proxy-config all --admin-address 127.0.0.1:15000', "any Envoy's, by its admin address"],
  ['tulle proxy-config routes --file dump.json', 'from a config_dump that was saved'],
] as const;

/** Prints what a proxy has, of one kind or all. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('proxy-config', 'Shows the configuration that a proxy really has.', EXAMPLES)
    .addArgument(new Argument('<what>', 'what to show').choices([...VIEWS.map(({ kind }) => kind), 'bootstrap', 'all']))
    .argument('[proxy]', 'a proxy as tulle status names it, or its workload')
    .option('--admin-address <address>', 'the admin interface of any proxy: host and port, or the path of a socket')
    .option('-f, --file <file>', 'a config_dump in place of a running proxy; - is the input')
    .addOption(new Option('--port <port>', 'of a listener, cluster or endpoint').argParser(parsePort))
    .option('--address <address>', 'of a listener or endpoint')
    .option('--type <type>', 'HTTP or TCP listeners')
    .option('--name <name>', 'of a listener, route table, cluster or secret')
    .option('--fqdn <host>', 'service of a cluster, virtual host or endpoint')
    .option('--subset <name>', 'of a cluster')
    .option('--direction <direction>', 'inbound or outbound clusters')
    .option('--cluster <name>', 'whose endpoints')
    .option('--status <status>', 'of endpoints: HEALTHY, UNHEALTHY, DRAINING')
    .addOption(stateDirOption())
    .addOption(outputOption())
    .action(print);
  await runCommand(command, args);
}
