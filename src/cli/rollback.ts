/** `tulle rollback`: a former version takes the place of the one in force; files stay as they are unless asked for. */
import { Argument } from 'commander';
import { callControl } from './admin-client.ts';
import { newCommand, runCommand, stateDirOption } from './command.ts';
import { usageError } from './errors.ts';
import { readFolder } from './read-folder.ts';
import { heldText, HELD_HINT } from './history/held.ts';
import { person } from './history/person.ts';
import { writeBack } from './history/write-back.ts';
import { parseVersion } from './history/version-number.ts';
import { isObject, type JsonObject, textOf } from './json.ts';
import { readTexts } from './read-texts.ts';
import { findStateDir, type StateDir } from './state-dir.ts';

interface Options {
  readonly release?: true;
  readonly write?: true;
  readonly message?: string;
  readonly stateDir?: string;
}

function say(line: string | undefined): void {
  if (line !== undefined) process.stdout.write(`${line}\n`);
}

async function post(state: StateDir, path: string, body: JsonObject): Promise<JsonObject> {
  const answer = await callControl(state, path, { method: 'POST', body: { by: person(), ...body } });
  return isObject(answer) ? answer : {};
}

async function restore(state: StateDir, version: string): Promise<void> {
  const answer = await callControl(state, '/api/rollout');
  const folder = isObject(answer) ? textOf(answer['folder']) : '';
  const lines = writeBack(folder, await readFolder(folder), await readTexts(state, `/api/history/${version}`));
  for (const line of lines) say(line);
  if (lines.length === 0) say('the files say so already');
}

async function rollBack(version: number | undefined, options: Options): Promise<void> {
  const state = findStateDir(options.stateDir);
  const answer = await post(state, '/api/rollback', { version, message: options.message });
  const withdrawn = textOf(answer['withdrawn']);
  if (withdrawn !== '') say(`the rollout of version ${withdrawn} is ended; version ${textOf(answer['version'])} stays in force`);
  else say(`version ${textOf(answer['target'])} is in force again, as version ${textOf(answer['entered'])}`);
  if (options.write === true) return restore(state, textOf(answer['version']));
  const held = heldText(answer);
  if (held === undefined) return;
  say(`${held}\n  hint: ${HELD_HINT}; --write writes version ${textOf(answer['version'])} into the files`);
}

async function release(options: Options): Promise<void> {
  const answer = await post(findStateDir(options.stateDir), '/api/release', { message: options.message });
  const isTried = isObject(answer['rollout']);
  say(`the folder counts again, as version ${textOf(answer['entered'])}${isTried ? ', which some proxies try first' : ''}`);
}

async function act(version: number | undefined, options: Options): Promise<void> {
  if (options.release !== true) return rollBack(version, options);
  if (version === undefined && options.write !== true) return release(options);
  throw usageError('--release goes neither with a version nor with --write', 'it applies what the folder says');
}

/** Puts a former version into force; the folder is held back until it changes. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand(
    'rollback',
    'Puts a former version into force for all proxies, and holds the folder back until it changes. Files stay as they are.',
    [
      ['tulle rollback', 'to the last version that was in force; ends a rollout that is under way'],
      ['tulle rollback 5 --message "5xx since noon"', 'to version 5 of tulle history, and say why'],
      ['tulle rollback 5 --write', 'and write the files of version 5 into the folder'],
      ['tulle rollback --release', 'the folder counts again as it is'],
    ],
  )
    .addArgument(new Argument('[version]', 'which version; without, the one before').argParser(parseVersion))
    .option('--write', 'write the version into the files of the folder, and remove files that it has not')
    .option('--release', 'end the hold: what the folder says is applied')
    .option('-m, --message <text>', 'why, for the history')
    .addOption(stateDirOption())
    .action(act);
  await runCommand(command, args);
}
