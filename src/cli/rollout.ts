/** `tulle rollout`: how the version that is tried fares; promote it, or end it. */
import { Argument } from 'commander';
import { callControl } from './admin-client.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { EXIT } from './errors.ts';
import { followRollout } from './history/follow.ts';
import { heldText, HELD_HINT, rolloutText } from './history/held.ts';
import { person } from './history/person.ts';
import { isObject, type JsonObject, textOf } from './json.ts';
import { formatRows, type OutputFormat } from './output.ts';
import { findStateDir, type StateDir } from './state-dir.ts';

interface Options {
  readonly message?: string;
  readonly stateDir?: string;
  readonly output: OutputFormat;
}

function show(answer: JsonObject, output: OutputFormat): void {
  if (output !== 'table') {
    process.stdout.write(formatRows([answer], [], output));
    return;
  }
  const held = heldText(answer);
  const under = rolloutText(answer) ?? 'no rollout is under way';
  process.stdout.write(`version ${textOf(answer['version'])} is in force\n${under}\n`);
  if (held !== undefined) process.stdout.write(`${held}\n  hint: ${HELD_HINT}\n`);
}

async function end(state: StateDir, what: 'promote' | 'abort', message: string | undefined): Promise<void> {
  const answer = await callControl(state, `/api/rollout/${what}`, { method: 'POST', body: { by: person(), message } });
  const row = isObject(answer) ? answer : {};
  const number = textOf(row['promoted']) || textOf(row['withdrawn']);
  process.stdout.write(what === 'promote' ? `version ${number} is in force\n` : `version ${number} is withdrawn\n`);
}

async function wait(state: StateDir, answer: JsonObject): Promise<void> {
  const version = isObject(answer['rollout']) ? Number(textOf(answer['rollout']['version'])) : undefined;
  if (version === undefined) process.stdout.write('no rollout is under way\n');
  else if (!(await followRollout(state, version))) process.exitCode = EXIT.failed;
}

async function act(what: string, { message, stateDir, output }: Options): Promise<void> {
  const state = findStateDir(stateDir);
  if (what === 'promote' || what === 'abort') return end(state, what, message);
  const answer = await callControl(state, '/api/rollout');
  const row = isObject(answer) ? answer : {};
  if (what === 'wait') await wait(state, row);
  else show(row, output);
}

/** Shows or ends a rollout. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('rollout', 'Shows how the version that some proxies try fares, and promotes or ends it.', [
    ['tulle rollout', 'step, acknowledgements, failed requests'],
    ['tulle rollout wait', 'until it ends; exit code 1 where it is reverted'],
    ['tulle rollout promote', 'everybody gets it now'],
    ['tulle rollout abort -m "not today"', 'nobody gets it any more'],
  ])
    .addArgument(new Argument('[what]', 'what to do').choices(['status', 'wait', 'promote', 'abort']).default('status'))
    .option('-m, --message <text>', 'why, for the history')
    .addOption(stateDirOption())
    .addOption(outputOption())
    .action(act);
  await runCommand(command, args);
}
