/** `tulle status`: what each connected proxy has, as istioctl's proxy-status shows it. */
import { proxyNameOf } from '../core/node-id.ts';
import { callControl } from './admin-client.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { EXIT } from './errors.ts';
import { heldText, rolloutText } from './history/held.ts';
import type { JsonObject } from './json.ts';
import { isObject, objectsOf, textOf } from './json.ts';
import type { Column, OutputFormat } from './output.ts';
import { formatAge, formatRows } from './output.ts';
import { findStateDir } from './state-dir.ts';

const TYPES = ['CDS', 'LDS', 'EDS', 'RDS'] as const;

/** What is known of one xDS type of a proxy's. */
function typeOf(row: JsonObject, type: string): JsonObject {
  const types = isObject(row['types']) ? row['types'] : {};
  const found = types[type];
  return isObject(found) ? found : {};
}

/** The reason of the last refusal of a type, '' where there is none. */
function refusal(row: JsonObject, type: string): string {
  const { nack } = typeOf(row, type);
  return isObject(nack) ? textOf(nack['message']) : '';
}

/** `SYNCED`, `STALE` (not answered yet), `NACK` (refused), or `-` where the proxy has not asked. */
export function syncStatus(row: JsonObject, type: string): string {
  const status = textOf(typeOf(row, type)['status']);
  return status === 'ERROR' ? 'NACK' : status || '-';
}

/** Reasons of all refusals of a proxy: `RDS: <message>`. */
export function refusals(row: JsonObject): string[] {
  const types = isObject(row['types']) ? Object.keys(row['types']) : [];
  return types.flatMap((type) => (refusal(row, type) === '' ? [] : [`${type}: ${refusal(row, type)}`]));
}

/** `payments-v1-0.shop` of a node id. */
export function proxyName(row: JsonObject): string {
  return proxyNameOf(textOf(row['id']));
}

const COLUMNS: readonly Column[] = [
  { title: 'NAME', cell: proxyName },
  ...TYPES.map((type): Column => ({ title: type, cell: (row) => syncStatus(row, type) })),
  { title: 'MESH', cell: (row) => textOf(row['meshVersion']) || '-' },
  { title: 'VERSION', cell: (row) => textOf(row['version']) || '-' },
  { title: 'CONNECTED', cell: (row) => formatAge(Date.now() - Date.parse(textOf(row['connectedSince']))) },
];

async function status(options: { stateDir?: string; output: OutputFormat }): Promise<void> {
  const state = findStateDir(options.stateDir);
  const answer = await callControl(state, '/api/proxies');
  const rows = objectsOf(isObject(answer) ? answer['proxies'] : undefined);
  process.stdout.write(formatRows(rows, COLUMNS, options.output));
  const refused = rows.filter((row) => refusals(row).length > 0);
  if (refused.length > 0) process.exitCode = EXIT.failed;
  if (options.output !== 'table') return;
  const rollout = await callControl(state, '/api/rollout');
  if (isObject(rollout))
    for (const line of [heldText(rollout), rolloutText(rollout)]) if (line !== undefined) process.stdout.write(`\n${line}\n`);
  for (const row of refused) for (const reason of refusals(row)) process.stdout.write(`\n${proxyName(row)} refused ${reason}\n`);
}

/** Lists the connected proxies; exit code 1 where one refused what it was sent. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('status', 'Lists connected proxies and whether they have their newest configuration.', [
    ['tulle status', 'SYNCED, STALE (not answered yet) or NACK (refused)'],
    ['tulle status -o json', 'with versions and the reasons of refusals'],
  ])
    .addOption(stateDirOption())
    .addOption(outputOption())
    .action(status);
  await runCommand(command, args);
}
