import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';

/** The folder of the repository. */
export const root = path.resolve(import.meta.dirname, '..');

function withBin(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const bin = path.join(root, 'node_modules/.bin');
  return { ...process.env, ...env, PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}` };
}

/** Runs a program of node_modules/.bin (or of the PATH) in the repository; returns its exit code. */
export function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): number {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: withBin(env) });
  if (result.error !== undefined) throw result.error;
  return result.status ?? 1;
}

/** As `run`, beside others; where it is not `isShown`, what it prints comes when it has ended, in one piece. */
export async function runBeside(command: string, args: readonly string[], isShown: boolean): Promise<number> {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', isShown ? 'inherit' : 'pipe', 'inherit'], env: withBin({}) });
  const [output, [status]] = await Promise.all([child.stdout === null ? '' : text(child.stdout), once(child, 'exit')]);
  process.stdout.write(output);
  return typeof status === 'number' ? status : 1;
}

/** Runs named steps in order, prints how long each took, and stops at the first that fails. */
export async function runSteps(steps: readonly (readonly [name: string, step: () => number | Promise<number>])[]): Promise<void> {
  for (const [name, step] of steps) {
    const start = performance.now();
    const status = await step();
    console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    if (status !== 0) process.exit(status);
  }
}
