/** Who changed a folder and why, where it is in a git repository and holds just what was committed last. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';

const TIMEOUT_MS = 3_000;
const run = promisify(execFile);

/** Who changed something, and why. */
export interface Commit {
  readonly by: string;
  /** `Raise the timeout (4ab01fe)`. */
  readonly message: string;
}

async function git(folder: string, args: readonly string[]): Promise<string> {
  // the folder's own settings must not start programs: a hook or a monitor named there is not ours to run
  const safe = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null', '-c', 'log.showSignature=false'];
  const { stdout } = await run('git', ['-C', folder, ...safe, ...args], { timeout: TIMEOUT_MS });
  return stdout;
}

/** True where the folder may be in a repository: asking git costs a large process tens of milliseconds. */
function isInRepository(folder: string): boolean {
  const above = path.dirname(folder);
  return existsSync(path.join(folder, '.git')) || (above !== folder && isInRepository(above));
}

/** The last commit that changed the folder; undefined where there is none, git is not there, or files were edited since. */
export async function lastCommit(folder: string): Promise<Commit | undefined> {
  // proxies get the change first
  await nextTurn();
  if (!isInRepository(path.resolve(folder))) return undefined;
  try {
    const status = await git(folder, ['status', '--porcelain', '--', '*.yaml', '*.yml']);
    if (status.trim() !== '') return undefined;
    const [hash = '', by = '', subject = ''] = (await git(folder, ['log', '-1', '--format=%h%x00%an%x00%s', '--', '.'])).trim().split('\0');
    return hash === '' ? undefined : { by, message: `${subject} (${hash})` };
  } catch {
    return undefined;
  }
}
