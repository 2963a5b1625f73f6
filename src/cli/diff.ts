/** `tulle diff`: resources of a folder, or of a version, beside what is in force. */
import { Argument, Option } from 'commander';
import { callControl } from './admin-client.ts';
import { CHANGE_MARKS } from './change-marks.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { type ResourceDiff, resourceDiffs } from './diff/resource-diff.ts';
import { CliError, EXIT, usageError } from './errors.ts';
import { readFolder } from './read-folder.ts';
import { parseVersion } from './history/version-number.ts';
import { isObject, textOf } from './json.ts';
import { jsonText } from './output.ts';
import { readTexts } from './read-texts.ts';
import { findStateDir, type StateDir } from './state-dir.ts';

interface Options {
  readonly version?: number;
  readonly against?: number;
  readonly stat?: true;
  readonly stateDir?: string;
  readonly output: 'text' | 'json';
}

interface Side {
  readonly name: string;
  readonly texts: ReadonlyMap<string, string>;
}

async function versionSide(state: StateDir, version: number): Promise<Side> {
  return { name: `version ${version}`, texts: await readTexts(state, `/api/history/${version}`) };
}

async function applied(state: StateDir): Promise<Side> {
  const answer = await callControl(state, '/api/rollout');
  const version = isObject(answer) ? textOf(answer['version']) : '';
  return { name: `applied (version ${version})`, texts: await readTexts(state, '/api/sources') };
}

async function folderSide(folder: string | undefined, state: StateDir): Promise<Side> {
  const answer = folder === undefined ? await callControl(state, '/api/rollout') : undefined;
  const found = folder ?? (isObject(answer) ? textOf(answer['folder']) : '');
  return { name: found, texts: await readFolder(found) };
}

async function sides(folder: string | undefined, { version, against, stateDir }: Options): Promise<readonly [Side, Side]> {
  if (folder !== undefined && version !== undefined)
    throw usageError('a folder and --version exclude each other', '--against names the version to compare a folder with');
  const state = findStateDir(stateDir);
  return [
    against === undefined ? await applied(state) : await versionSide(state, against),
    version === undefined ? await folderSide(folder, state) : await versionSide(state, version),
  ];
}

function textOfDiffs(diffs: readonly ResourceDiff[], { stat, output }: Options): string {
  if (output === 'json') return jsonText(diffs);
  if (stat === true) return diffs.map(({ change, resource, file }) => `${CHANGE_MARKS[change]} ${resource}  [${file}]\n`).join('');
  return diffs.map(({ diff }) => diff).join('');
}

async function print(folder: string | undefined, options: Options): Promise<void> {
  const [before, after] = await sides(folder, options);
  const diffs = resourceDiffs(before.texts, after.texts, [before.name, after.name]);
  process.stdout.write(textOfDiffs(diffs, options));
  if (diffs.length > 0) process.exitCode = EXIT.failed;
}

/** 1 says that something differs, as diff has it: whatever else goes wrong is 2. */
async function compare(folder: string | undefined, options: Options): Promise<void> {
  try {
    await print(folder, options);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(error.message, error.hint, { cause: error, exitCode: EXIT.usage });
  }
}

/** Shows what differs; exit code 0 where nothing does, 1 where something does, 2 where that cannot be told. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('diff', 'Shows what differs between what is in force and a folder or version, resource by resource.', [
    ['tulle diff', "the mesh's own folder: differs while it is held back or tried"],
    ['tulle diff staging', 'what applying this folder would change'],
    ['tulle diff --version 4', 'what going back to version 4 would change'],
    ['tulle diff --against 4 --version 5 --stat', 'which resources version 5 changed'],
  ])
    .addArgument(new Argument('[folder]', "a folder of YAML (default: the mesh's own)"))
    .addOption(new Option('--version <number>', 'a version of tulle history, in place of a folder').argParser(parseVersion))
    .addOption(new Option('--against <number>', 'compare with this version, not with what is in force').argParser(parseVersion))
    .option('--stat', 'only which resources differ')
    .addOption(stateDirOption())
    .addOption(outputOption(['text', 'json']))
    .action(compare);
  await runCommand(command, args);
}
