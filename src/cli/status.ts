/** `tulle status`: what each connected proxy has, as istioctl's proxy-status shows it. */
import { callControl } from './admin-client.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { EXIT } from './errors.ts';
import { heldText, rolloutText } from './history/held.ts';
import { isObject, rowsAt, textOf } from './json.ts';
import { type Column, formatAge, formatRows, hasColours, type OutputFormat, terminalWidth } from './output.ts';
import { findStateDir } from './state-dir.ts';
import { proxyName, refusals, syncStatus } from './sync-state.ts';

const TYPES = ['CDS', 'LDS', 'EDS', 'RDS'] as const;

const COLUMNS: readonly Column[] = [
  { title: 'NAME', cell: proxyName },
  ...TYPES.map((type): Column => ({ title: type, cell: (row) => syncStatus(row, type) })),
  { title: 'MESH', cell: (row) => textOf(row['meshVersion']) || '-' },
  { title: 'VERSION', cell: (row) => textOf(row['version']) || '-', dropAt: 5 },
  { title: 'CONNECTED', cell: (row) => formatAge(Date.now() - Date.parse(textOf(row['connectedSince']))) },
];

async function status(options: { stateDir?: string; output: OutputFormat }): Promise<void> {
  const state = findStateDir(options.stateDir);
  const answer = await callControl(state, '/api/proxies');
  const rows = rowsAt(answer, 'proxies');
  process.stdout.write(formatRows(rows, COLUMNS, options.output, terminalWidth(), hasColours()));
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
