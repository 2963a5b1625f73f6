/** `tulle proxy snapshot`: makes the start-up snapshot that `bin/tulle` begins proxies from (docs/operations.md). */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { newCommand, runCommand } from '../command.ts';
import { CliError } from '../errors.ts';
import { FOR_LIFE, PROXY_FLAGS } from '../lean-start.ts';
import { heapOf, keepCompiled } from './code-cache.ts';
import { distOf, memoryFile, PROGRAM_VARIABLE, snapshotName, TRIAL, TRIAL_ANSWER, VARIABLES_WITHOUT } from './file.ts';
import { BEFORE_BYTES } from './give-back.ts';

const TIMEOUT_MS = 60_000;
/** Modules of Node's that a process loads by itself, for they cannot be in a snapshot; with those that they load. */
const LOADED_LATER = /^(?:(?:_?tls|_http|https?$|http2|assert)|internal\/(?:tls|http|http2|js_stream_socket|freelist|assert))/;

const EXAMPLES = [['tulle proxy snapshot', 'as npm does when the package is installed']] as const;

function runNode(args: readonly string[], env: NodeJS.ProcessEnv): string {
  return execFileSync(process.execPath, [...PROXY_FLAGS, ...FOR_LIFE, ...args], {
    encoding: 'utf8',
    env,
    timeout: TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

interface Snapshot {
  readonly blob: Buffer;
  /** What processes keep of it, as it lies in memory. */
  readonly memory: Buffer;
}

function smaller(whole: Buffer): Snapshot {
  const blob = keepCompiled(whole, (name) => LOADED_LATER.test(name));
  const heap = blob === undefined ? undefined : heapOf(blob);
  if (blob === undefined || heap === undefined) throw new Error(`the snapshot of Node ${process.version} is laid out in an unknown way`);
  return { blob, memory: Buffer.concat([Buffer.alloc(BEFORE_BYTES), heap]) };
}

/** Builds a snapshot of the program in `dist` and starts it once. */
function buildSnapshot(dist: string, script: string): Snapshot {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-snapshot-'));
  const file = path.join(folder, 'proxy.blob');
  const env: NodeJS.ProcessEnv = { ...process.env, [PROGRAM_VARIABLE]: path.join(dist, 'proxy.cjs') };
  for (const name of VARIABLES_WITHOUT) delete env[name];
  try {
    runNode(['--snapshot-blob', file, '--build-snapshot', path.join(dist, 'proxy-builder.cjs')], env);
    const small = smaller(readFileSync(file));
    writeFileSync(file, small.blob);
    writeFileSync(memoryFile(file), small.memory);
    const said = runNode(['--snapshot-blob', file, script, TRIAL], env);
    if (said !== TRIAL_ANSWER) throw new Error(`a process that begins from it says ${said.slice(0, 200)}`);
    return small;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes the snapshot, in the place of former ones; gives its path. */
function makeSnapshot(script: string): string {
  const dist = distOf(script);
  if (existsSync(path.join(dist, '../src'))) throw new Error('a clone runs its sources, which a snapshot would not follow');
  if (!existsSync(path.join(dist, 'proxy.cjs'))) throw new Error(`there is no ${path.join(dist, 'proxy.cjs')}`);
  const { blob, memory } = buildSnapshot(dist, script);
  const file = path.join(dist, snapshotName(process.execPath, dist, blob.length));
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, blob);
  for (const former of globSync('proxy-*.{blob,memory}', { cwd: dist })) rmSync(path.join(dist, former), { force: true });
  writeFileSync(memoryFile(file), memory);
  renameSync(temporary, file);
  return file;
}

function act({ quiet }: { readonly quiet: boolean }): void {
  try {
    const file = makeSnapshot(path.resolve(process.argv[1] ?? ''));
    if (!quiet) process.stdout.write(`${file}\n`);
  } catch (error) {
    // proxies begin as they do without
    if (!quiet) throw new CliError(`no snapshot was made: ${messageOf(error)}`, 'proxies start without one, more slowly', { cause: error });
  }
}

/** Runs the command; returns when the snapshot is made. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('proxy snapshot', 'Makes the start-up snapshot of an installed package.', EXAMPLES)
    .option('-q, --quiet', 'say nothing, and fail at nothing', false)
    .action(act);
  await runCommand(command, args);
}
