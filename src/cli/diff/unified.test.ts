import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { editsBetween } from './edits.ts';
import { unifiedDiff } from './unified.ts';

const CASES: readonly { readonly name: string; readonly before: string; readonly after: string; readonly want: string }[] = [
  { name: 'equal texts', before: 'a\nb\n', after: 'a\nb\n', want: '' },
  { name: 'a new text', before: '', after: 'a\nb\n', want: '--- x\n+++ y\n@@ -0,0 +1,2 @@\n+a\n+b\n' },
  { name: 'a text that is gone', before: 'a\n', after: '', want: '--- x\n+++ y\n@@ -1,1 +0,0 @@\n-a\n' },
  {
    name: 'a change with three lines around it',
    before: '1\n2\n3\n4\n5\n6\n7\n8\n9\n',
    after: '1\n2\n3\n4\nfive\n6\n7\n8\n9\n',
    want: '--- x\n+++ y\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n',
  },
  {
    name: 'changes far from each other are hunks of their own',
    before: 'a\n1\n2\n3\n4\n5\n6\n7\nb\n',
    after: 'A\n1\n2\n3\n4\n5\n6\n7\nB\n',
    want: '--- x\n+++ y\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n',
  },
];

for (const { name, before, after, want } of CASES) {
  test(`unified diff: ${name}`, () => assert.equal(unifiedDiff('x', 'y', before, after), want));
}

const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 14 });

test('edits lead from one text to the other, and there is no shorter way', () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      const edits = editsBetween(before, after);
      const side = (without: string): string[] => edits.filter(({ kind }) => kind !== without).map(({ line }) => line);
      assert.deepEqual(side('added'), before);
      assert.deepEqual(side('removed'), after);
      // the longest common subsequence, by the textbook
      const row = Array<number>(after.length + 1).fill(0);
      for (const line of before) {
        let diagonal = 0;
        for (const [index, other] of after.entries()) {
          const above = row[index + 1] ?? 0;
          row[index + 1] = line === other ? diagonal + 1 : Math.max(above, row[index] ?? 0);
          diagonal = above;
        }
      }
      assert.equal(edits.filter(({ kind }) => kind === 'same').length, row.at(-1));
    }),
  );
});

test('patch takes what is said', { skip: spawnSync('patch', ['--version']).status !== 0 && 'there is no patch' }, (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-diff-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'text');
  const lines = (...changed: readonly number[]): string =>
    Array.from({ length: 40 }, (_, i) => (changed.includes(i) ? `changed ${i}` : `line ${i}`))
      .join('\n')
      .concat('\n');
  writeFileSync(file, lines());
  const run = spawnSync('patch', [file], { input: unifiedDiff('text', 'text', lines(), lines(0, 17, 39)), encoding: 'utf8' });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.equal(readFileSync(file, 'utf8'), lines(0, 17, 39));
});
