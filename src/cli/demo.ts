/** `tulle demo`: brings up the shop of `examples/`, checks what a mesh promises, and takes everything down again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import { messageOf } from '../core/errors.ts';
import { newCommand, runCommand } from './command.ts';
import { checkClaims } from './demo/claims.ts';
import { ask } from './demo/client.ts';
import { MODES } from './up/ground.ts';

interface DemoOptions {
  readonly mode: string;
  readonly keep: boolean;
}

/** The package's root, from the sources as from the bundle. */
const root = path.resolve(import.meta.dirname, import.meta.dirname.endsWith('dist') ? '..' : '../..');

/** A page of each version of the reviews: while the canary starts, every tenth page is one without reviews. */
const PAGES = [{}, { 'x-canary': 'true' }] as const;

/** Waits until the gateway answers product pages, or `up` has ended. */
async function untilServing(up: ChildProcess, timeoutMs: number): Promise<void> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    if (up.exitCode !== null) throw new Error(`tulle up ended with ${up.exitCode}`);
    const answers = await Promise.all(PAGES.map((headers) => ask({ port: 8080 }, '/products/1', { headers }).catch(() => undefined)));
    const failed = answers.filter((each) => each?.status !== 200);
    if (failed.length === 0) return;
    const [answer] = failed;
    if (performance.now() > until)
      throw new Error(
        `the shop does not answer after ${timeoutMs / 1000} s (last: ${answer?.status ?? 'no answer'} ${answer?.text.slice(0, 200) ?? ''})`,
      );
    await sleep(200);
  }
}

async function ended(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null) return child.exitCode;
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

/** Runs the demo; resolves with the exit code. */
async function demo(options: DemoOptions): Promise<number> {
  const work = mkdtempSync(path.join(tmpdir(), 'tulle-demo-'));
  // a copy: who tries edits with --keep leaves the example as it is
  cpSync(path.join(root, 'examples/shop'), work, { recursive: true });
  const stateDir = path.join(work, 'state');
  const up = spawn(
    process.execPath,
    [...process.execArgv, path.join(root, 'bin/tulle.js'), 'up', path.join(work, 'mesh'), '--state-dir', stateDir, '--mode', options.mode],
    { stdio: 'inherit' },
  );
  const stop = (): void => void up.kill('SIGINT');
  process.once('SIGINT', stop);
  try {
    const startedMs = performance.now();
    await untilServing(up, 90_000);
    console.log(`\nThe shop serves on http://127.0.0.1:8080 after ${((performance.now() - startedMs) / 1000).toFixed(1)} s.\n`);
    const failures = await checkClaims(stateDir, (line) => console.log(line));
    if (options.keep) {
      console.log('\nIt stays up until Ctrl-C.');
      await ended(up);
    }
    console.log(failures === 0 ? '\nEvery claim holds.' : `\n${failures} claims do not hold.`);
    return failures === 0 ? 0 : 1;
  } catch (error) {
    console.error(`demo: ${messageOf(error)}; logs are in ${path.join(stateDir, 'logs')}`);
    return 1;
  } finally {
    stop();
    await ended(up);
    if (process.env['TULLE_DEMO_KEEP_FILES'] !== '1') rmSync(work, { recursive: true, force: true });
  }
}

/** Runs the demo; exit code 1 where a claim does not hold. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('demo', 'Brings up the example shop, checks what a mesh promises on it, and takes it down.', [
    ['tulle demo', 'every claim, with what was seen'],
    ['tulle demo --keep', 'and stay up, to look around'],
  ])
    .addOption(new Option('--mode <mode>', 'network namespaces, or loopback ports and HTTP_PROXY').choices(MODES).default('auto'))
    .option('--keep', 'stay up after the checks, until Ctrl-C', false)
    .action(async (options: DemoOptions) => {
      process.exitCode = await demo(options);
    });
  await runCommand(command, args);
}
