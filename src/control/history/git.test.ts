import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { lastCommit } from './git.ts';

test('a folder as it was committed has an author and a reason, an edited one has not', async (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tulle-commit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  assert.equal(await lastCommit(folder), undefined);
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', folder, '-c', 'user.name=Ann', '-c', 'user.email=a@b', ...args], { encoding: 'utf8', stdio: 'pipe' });
  writeFileSync(path.join(folder, 'mesh.yaml'), 'a');
  git('init', '-q');
  git('add', '.');
  git('commit', '-q', '-m', 'Raise the timeout');
  const commit = await lastCommit(folder);
  assert.equal(commit?.by, 'Ann');
  assert.match(commit?.message ?? '', /^Raise the timeout \([0-9a-f]{7,}\)$/);
  writeFileSync(path.join(folder, 'notes.txt'), 'no part of the mesh');
  assert.equal((await lastCommit(folder))?.by, 'Ann');
  writeFileSync(path.join(folder, 'mesh.yaml'), 'b');
  assert.equal(await lastCommit(folder), undefined);
});
