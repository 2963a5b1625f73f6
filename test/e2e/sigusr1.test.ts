/** SIGUSR1 is Envoy's signal for proxies. Elsewhere it must not do what Node does by itself: open the debugger. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../src/core/testing/eventually.ts';
import { root } from './harness.ts';

/** Longer than Node takes to say where its debugger is. */
const HEARD_MS = 500;

test('SIGUSR1 opens no debugger in a control plane', { timeout: 60_000 }, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-usr1-'));
  const args = [path.join(root, 'bin/tulle.js'), 'control', path.join(root, 'test/e2e/empty'), '--state-dir', path.join(folder, 's')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });
  await eventually(
    () => /control plane serves/.test(log) || undefined,
    () => `it has begun\n${log}`,
  );
  child.kill('SIGUSR1');
  await delay(HEARD_MS);
  assert.doesNotMatch(log, /Debugger/);
  assert.equal(child.exitCode, null);
  assert.equal(child.signalCode, null);
});
