import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

const main = path.join(import.meta.dirname, 'main.ts');

test('a folder that cannot be made is said at once', () => {
  for (const folder of ['/proc/x', '/proc/x/y']) {
    const { status, stderr } = spawnSync(process.execPath, [main, 'grafana', '-o', folder], { encoding: 'utf8', timeout: 10_000 });
    assert.equal(status, 1);
    assert.match(stderr, /^tulle: \/proc\/x(?:\/y)? cannot be made: ENOENT.*\n {2}hint: name another folder with -o\n$/);
  }
});

test('folders above the one that is asked for are made', (context) => {
  const root = mkdtempSync(path.join(tmpdir(), 'tulle-grafana-'));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  for (let again = 0; again < 2; again++)
    assert.equal(spawnSync(process.execPath, [main, 'grafana', '-o', 'a/b'], { cwd: root, timeout: 10_000 }).status, 0);
  assert.ok(readdirSync(path.join(root, 'a/b')).length > 3);
});
