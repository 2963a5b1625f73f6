/** `tulle history`: the versions of what was applied, and what became of them. */
import { Argument } from 'commander';
import { callControl } from './admin-client.ts';
import { CHANGE_MARKS } from './change-marks.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { CliError } from './errors.ts';
import { heldText, rolloutText } from './history/held.ts';
import { parseVersion } from './history/version-number.ts';
import { isObject, type JsonObject, objectsOf, rowsAt, textOf } from './json.ts';
import { type Column, formatRows, type OutputFormat } from './output.ts';
import { findStateDir } from './state-dir.ts';

interface Options {
  readonly stateDir?: string;
  readonly output: OutputFormat;
}

const MARKS: Readonly<Record<string, string>> = CHANGE_MARKS;

/** `+2 ~1`; the number of each kind of change. */
function counts(row: JsonObject): string {
  const changes = objectsOf(row['changes']);
  const parts = Object.entries(MARKS).map(([change, mark]) => [mark, changes.filter((each) => each['change'] === change).length] as const);
  return (
    parts
      .filter(([, count]) => count > 0)
      .map(([mark, count]) => `${mark}${count}`)
      .join(' ') || '-'
  );
}

function stateOf(row: JsonObject): string {
  const refused = Number(textOf(row['refused']));
  return `${textOf(row['state'])}${refused > 0 ? `, ${refused} refused` : ''}`;
}

function whyOf(row: JsonObject): string {
  return [textOf(row['message']), textOf(row['reason'])].filter((text) => text !== '').join('; ') || textOf(row['cause']);
}

const COLUMNS: readonly Column[] = [
  { title: 'VERSION', cell: (row) => textOf(row['number']) },
  { title: 'TIME', cell: (row) => textOf(row['createdAt']).replace(/\.\d+Z$/, 'Z') },
  { title: 'STATE', cell: stateOf },
  { title: 'BY', cell: (row) => textOf(row['by']) || '-' },
  { title: 'RESOURCES', cell: counts },
  { title: 'WHY', cell: whyOf },
];

function detail(row: JsonObject): string {
  const changes = objectsOf(row['changes']).map(
    (each) => `  ${MARKS[textOf(each['change'])] ?? ' '} ${textOf(each['resource'])}  [${textOf(each['file'])}:${textOf(each['line'])}]\n`,
  );
  return `${formatRows([row], COLUMNS, 'table')}${changes.join('')}`;
}

async function print(number: number | undefined, { stateDir, output }: Options): Promise<void> {
  const answer = await callControl(findStateDir(stateDir), '/api/history');
  const rows = rowsAt(answer, 'versions');
  if (number !== undefined) {
    const row = rows.find((each) => each['number'] === number);
    if (row === undefined) throw new CliError(`there is no version ${number}`, 'tulle history lists those that are kept');
    process.stdout.write(output === 'table' ? detail(row) : formatRows([row], [], output));
    return;
  }
  process.stdout.write(formatRows(rows, COLUMNS, output));
  if (output !== 'table' || !isObject(answer)) return;
  for (const line of [heldText(answer), rolloutText(answer)]) if (line !== undefined) process.stdout.write(`\n${line}\n`);
}

/** Lists versions, or shows what one changed. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('history', 'Lists the versions of what was applied, and what became of them.', [
    ['tulle history', 'applied, superseded, rolled back, failed'],
    ['tulle history 7', 'which resources version 7 added, changed and removed'],
    ['tulle history -o json', 'with every resource of every version'],
  ])
    .addArgument(new Argument('[version]', 'one version').argParser(parseVersion))
    .addOption(stateDirOption())
    .addOption(outputOption())
    .action(print);
  await runCommand(command, args);
}
