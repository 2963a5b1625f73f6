/** `npm pack` gives a package that installs elsewhere and runs the demo without the repository. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { root } from './harness.ts';

test('the packed package installs elsewhere and runs the demo', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-pack-'));
  const npm = (args: string[], cwd: string): string =>
    execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 180_000 });
  try {
    const packed = npm(['pack', '--silent', '--pack-destination', folder], root).trim().split('\n').at(-1) ?? '';
    npm(['install', '-g', '--prefix', path.join(folder, 'prefix'), '--no-audit', '--no-fund', path.join(folder, packed)], folder);
    const tulle = path.join(folder, 'prefix/bin/tulle');
    // the machine's own PATH, without this repository's node_modules/.bin
    const env = {
      ...process.env,
      PATH: (process.env['PATH'] ?? '')
        .split(':')
        .filter((entry) => !entry.includes('node_modules'))
        .join(':'),
    };
    assert.match(execFileSync(tulle, ['version'], { encoding: 'utf8', env, cwd: folder }), /\d+\.\d+\.\d+/);
    const demo = spawnSync(tulle, ['demo', '--mode', 'explicit'], { encoding: 'utf8', env, cwd: folder, timeout: 180_000 });
    assert.equal(demo.status, 0, `${demo.stdout}\n${demo.stderr}`);
    assert.match(demo.stdout, /Every claim holds/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
