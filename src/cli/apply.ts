/** `tulle apply`: puts a folder into force in a running mesh, for all proxies or step by step. */
import { Argument } from 'commander';
import { callControl } from './admin-client.ts';
import { newCommand, runCommand, stateDirOption } from './command.ts';
import { CliError, EXIT, usageError } from './errors.ts';
import { readFolder } from './read-folder.ts';
import { heldText, HELD_HINT } from './history/held.ts';
import { followRollout } from './history/follow.ts';
import { person } from './history/person.ts';
import { isObject, textOf } from './json.ts';
import { addRolloutFlags, policyOf, type RolloutFlags } from './rollout-flags.ts';
import { findStateDir } from './state-dir.ts';

interface Options extends RolloutFlags {
  readonly message?: string;
  readonly wait: boolean;
  readonly stateDir?: string;
}

async function apply(folder: string, options: Options): Promise<void> {
  const policy = policyOf(options);
  if (policy === null && options.canary !== undefined)
    throw usageError('--at-once and --canary exclude each other', '--canary is for some proxies first');
  const state = findStateDir(options.stateDir);
  const files = Object.fromEntries(await readFolder(folder));
  const body = { files, by: person(), message: options.message, policy };
  const answer = await callControl(state, '/api/apply', { method: 'POST', body });
  if (!isObject(answer)) throw new CliError('the control plane gave no answer');
  const number = textOf(answer['entered']);
  if (!isObject(answer['rollout'])) {
    process.stdout.write(`version ${number} is in force\n`);
    const held = heldText(answer);
    if (held !== undefined) process.stdout.write(`${held}\n  hint: ${HELD_HINT}\n`);
    return;
  }
  process.stdout.write(`version ${number} is tried: tulle rollout shows how it goes, tulle rollback ends it\n`);
  if (options.wait && !(await followRollout(state, Number(number)))) process.exitCode = EXIT.failed;
}

/** Applies a folder that is not the watched one. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand(
    'apply',
    'Puts the YAML of a folder into force in the mesh that runs. The watched folder is held back until it changes; it stays as it is.',
    [
      ['tulle apply staging', 'for all proxies at once, or as MeshConfig says (rollout)'],
      ['tulle apply staging --canary 10%,50% --interval 2m', 'to 10 % of proxies, to half of them, to all'],
      ['tulle apply staging --canary rev=canary --no-wait', 'first to workloads with the label istio.io/rev: canary'],
    ],
  )
    .addArgument(new Argument('<folder>', 'the folder of YAML'))
    .option('-m, --message <text>', 'why, for the history')
    .option('--no-wait', 'do not wait for the end of the rollout')
    .addOption(stateDirOption());
  await runCommand(addRolloutFlags(command).action(apply), args);
}
