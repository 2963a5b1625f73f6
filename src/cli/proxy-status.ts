/** `tulle proxy-status`: whether proxies have what they were sent; of one proxy, where it has something else. */
import { Argument } from 'commander';
import { callControl } from './admin-client.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { CliError, EXIT, usageError } from './errors.ts';
import { isObject, type JsonObject, rowsAt, textOf } from './json.ts';
import { type Column, formatRows, hasColours, type OutputFormat, terminalWidth } from './output.ts';
import { proxyAt, readAdmin, runningProxies } from './proxy-admin.ts';
import { readDump } from './proxy-config/dump.ts';
import { type Difference, differences, readIntended } from './proxy-status/difference.ts';
import { renderDifferences } from './proxy-status/render.ts';
import { findStateDir } from './state-dir.ts';
import { proxyName, refusals, syncStatus } from './sync-state.ts';

const TYPES = ['CDS', 'LDS', 'EDS', 'RDS', 'ECDS'] as const;

interface Options {
  readonly adminAddress?: string;
  readonly stateDir?: string;
  readonly output: OutputFormat;
}

/** As istioctl words it: a type that the proxy has not asked for was not sent. */
function cell(row: JsonObject, type: string): string {
  const status = syncStatus(row, type);
  return status === '-' ? 'NOT SENT' : status;
}

const COLUMNS: readonly Column[] = [
  { title: 'NAME', cell: proxyName },
  ...TYPES.map((type): Column => ({ title: type, cell: (row) => cell(row, type) })),
  { title: 'VERSION', cell: (row) => textOf(row['version']) || '-', dropAt: 5 },
];

async function list({ stateDir, output }: Options): Promise<void> {
  const answer = await callControl(findStateDir(stateDir), '/api/proxies');
  const rows = rowsAt(answer, 'proxies');
  process.stdout.write(formatRows(rows, COLUMNS, output, terminalWidth(), hasColours()));
  const refused = rows.filter((row) => refusals(row).length > 0);
  if (refused.length > 0) process.exitCode = EXIT.failed;
  if (output !== 'table') return;
  for (const row of refused) for (const reason of refusals(row)) process.stdout.write(`\n${proxyName(row)} refused ${reason}\n`);
}

function rowOf({ kind, name, what, reason, diff }: Difference): JsonObject {
  return { kind, name, what, ...(reason === '' ? {} : { reason }), ...(diff === '' ? {} : { diff }) };
}

async function one(name: string, { adminAddress, stateDir, output }: Options): Promise<void> {
  const state = findStateDir(stateDir);
  const [proxy] = adminAddress === undefined ? runningProxies(stateDir, name) : [{ ...proxyAt(adminAddress), name }];
  if (proxy === undefined) throw new CliError(`no proxy of ${name} runs`);
  const [answer, text] = await Promise.all([
    callControl(state, `/api/proxies/${encodeURIComponent(proxy.name)}/resources`),
    readAdmin(proxy, '/config_dump?include_eds'),
  ]);
  const dump = readDump(text);
  const found = differences(readIntended(answer), dump, isObject(answer) && answer['isOnDemand'] === true);
  process.stdout.write(output === 'table' ? renderDifferences(dump, found) : formatRows(found.map(rowOf), [], output));
  if (found.length > 0) process.exitCode = EXIT.failed;
}

async function print(name: string | undefined, options: Options): Promise<void> {
  if (name !== undefined) return one(name, options);
  if (options.adminAddress === undefined) return list(options);
  throw usageError('which proxy is it?', 'name the proxy that has this admin address, as tulle proxy-status lists it');
}

/** Lists the proxies' states, or one proxy's differences; exit code 1 where one refused something or differs. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('proxy-status', 'Says whether proxies have what they were sent, and where one has something else.', [
    ['tulle proxy-status', 'SYNCED, STALE (not answered yet), NACK (refused), NOT SENT (not asked for)'],
    ['tulle proxy-status web-0.shop', 'what is meant beside what the proxy really has, as a diff'],
    ['tulle proxy-status edge-0.shop --admin-address 127.0.0.1:15000', 'of a proxy that tulle up did not start'],
  ])
    .addArgument(new Argument('[proxy]', 'a proxy as the list names it'))
    .option('--admin-address <address>', "the proxy's admin interface, where tulle up did not start it")
    .addOption(stateDirOption())
    .addOption(outputOption())
    .action(print);
  await runCommand(command, args);
}
