/** Tests in a network namespace of their own, for what other programs do to this machine's network would show in them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { envoyMissing } from '../../interop/envoy-binary.ts';

const INSIDE = 'TULLE_OWN_NETWORK';

function isPossible(): boolean {
  return spawnSync('unshare', ['--net', 'true'], { stdio: 'ignore' }).status === 0;
}

/** Defines the tests of `file` by `define`, where no namespace can be made here and now; else one test that runs them all in one. */
export function inOwnNetwork(file: string, define: () => void): void {
  if (process.env[INSIDE] !== undefined || envoyMissing !== false || !isPossible()) return define();
  test('in a network of its own', () => {
    const script = `ip link set lo up && exec "$0" --test "$1"`;
    // NODE_TEST_CONTEXT says that this process is one of a test runner's
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
    const run = spawnSync('unshare', ['--net', 'sh', '-c', script, process.execPath, file], {
      encoding: 'utf8',
      env: { ...env, [INSIDE]: '1' },
    });
    if (process.env['TULLE_SHOW'] !== undefined) console.log(run.stdout);
    assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`);
  });
}
