/**
 * Where the start-up snapshot of an installed package is, and which one is right: its name says which Node and which
 * program it was made of, and how long it is. `bin/tulle` finds it by the same rule.
 */
import { globSync, statSync } from 'node:fs';
import path from 'node:path';
import { FOR_LIFE } from '../lean-start.ts';

/** The environment variable by which the builder is told which program to run. */
export const PROGRAM_VARIABLE = 'TULLE_SNAPSHOT_PROGRAM';

/** What a process that begins from a new snapshot is told, and what it must say. */
export const TRIAL = 'trial';
export const TRIAL_ANSWER = 'in time';

/** Variables that are read when Node or the program begins: where one is set, a proxy begins without a snapshot. */
export const VARIABLES_WITHOUT = ['NODE_OPTIONS', 'TULLE_READ', 'TULLE_SOCKETS'] as const;

/** `dist/` beside the script `bin/tulle.js`. */
export function distOf(script: string): string {
  return path.join(path.dirname(script), '../dist');
}

const identityOf = (file: string): string => {
  const { size, mtimeMs } = statSync(file);
  return `${size}.${Math.floor(mtimeMs / 1000)}`;
};

/** The name of a snapshot of `bytes` bytes that `node` makes of the program in `dist`. */
export function snapshotName(node: string, dist: string, bytes: number): string {
  return `proxy-${identityOf(node)}-${identityOf(path.join(dist, 'proxy.cjs'))}-${bytes}.blob`;
}

/** Beside a snapshot: what processes keep of it in memory (`give-back.ts`). */
export const memoryFile = (snapshot: string): string => snapshot.replace(/\.blob$/, '.memory');

/** The snapshot that this process began from, if it did. */
export function ownSnapshot(): string | undefined {
  const flag = process.execArgv.indexOf('--snapshot-blob');
  return flag < 0 ? undefined : process.execArgv[flag + 1];
}

/** How a proxy is to be started. */
interface Start {
  readonly node: string;
  /** The package's `bin/tulle.js`. */
  readonly script: string;
  /** After `proxy`. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Whether a snapshot can do what is asked: it has one event loop, and the environment that it was made in. */
function fits({ args, env }: Start): boolean {
  if (env['TULLE_SNAPSHOT'] === 'off' || VARIABLES_WITHOUT.some((name) => (env[name] ?? '') !== '')) return false;
  return !args.some((arg, i) => /^--concurrency=(?!1$)/.test(arg) || (args[i - 1] === '--concurrency' && arg !== '1'));
}

/**
 * What a process that begins from a snapshot has in its environment: where the kernel has large pages for who asks, glibc
 * asks for them. Node makes two copies of the snapshot in memory of glibc's, 2500 pages each: a tenth of a start.
 */
export const SNAPSHOT_ENV = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' } as const;

/** The flags by which a proxy begins from the package's snapshot, beside those of any proxy; none where it cannot. */
export function snapshotFlags(start: Start): readonly string[] {
  if (!fits(start)) return [];
  const dist = distOf(start.script);
  try {
    const found = globSync('proxy-*.blob', { cwd: dist });
    const right = found.find((name) => name === snapshotName(start.node, dist, statSync(path.join(dist, name)).size));
    return right === undefined ? [] : [...FOR_LIFE, '--snapshot-blob', path.join(dist, right)];
  } catch {
    return [];
  }
}
