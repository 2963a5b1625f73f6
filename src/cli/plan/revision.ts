/** A folder's YAML as a git revision has it. */
import { spawnSync } from 'node:child_process';
import { CliError, usageError } from '../errors.ts';
import type { Texts } from '../../compile/changes/resource-changes.ts';

const TEXT_BYTES_MAX = 64 * 1024 * 1024;

function git(folder: string, args: readonly string[]): string {
  const run = spawnSync('git', ['-C', folder, ...args], { encoding: 'utf8', maxBuffer: TEXT_BYTES_MAX });
  if (run.error !== undefined) throw new CliError(`git cannot be run: ${run.error.message}`);
  if (run.status !== 0)
    throw new CliError(`git ${args[0]} failed: ${run.stderr.trim()}`, `is ${folder} in a git repository that has the revision?`);
  return run.stdout;
}

/** Texts of the YAML files below `folder` in `revision`, by path relative to it. Throws CliError. */
export function textsAt(folder: string, revision: string): Texts {
  if (revision.startsWith('-')) throw usageError(`"${revision}" is not a revision`, 'e.g. --revision HEAD~1');
  const names = git(folder, ['ls-tree', '-r', '-z', '--name-only', revision, '--', '.']).split('\0');
  const read = names.filter(
    (name) => /\.ya?ml$/.test(name) && !name.split('/').some((part) => part.startsWith('.') || part === 'node_modules'),
  );
  return new Map(read.map((name) => [name, git(folder, ['show', `${revision}:./${name}`])]));
}
