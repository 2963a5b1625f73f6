import { spawnSync } from 'node:child_process';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '..');

/** Runs a program of node_modules/.bin (or of the PATH) in the repository; returns its exit code. */
export function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): number {
  const bin = path.join(root, 'node_modules/.bin');
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env, PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}` },
  });
  if (result.error !== undefined) throw result.error;
  return result.status ?? 1;
}

/** Runs named steps in order, prints how long each took, and stops at the first that fails. */
export function runSteps(steps: readonly (readonly [name: string, step: () => number])[]): void {
  for (const [name, step] of steps) {
    const start = performance.now();
    const status = step();
    console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    if (status !== 0) process.exit(status);
  }
}
