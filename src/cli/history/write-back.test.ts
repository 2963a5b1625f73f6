import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { writeBack } from './write-back.ts';

test('files become what a version was, and each is named', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-write-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(path.join(folder, 'b'));
  for (const [file, text] of Object.entries({ 'a.yaml': 'new', 'b/gone.yaml': 'x', 'same.yaml': 's' }))
    writeFileSync(path.join(folder, file), text);
  const now = new Map(Object.entries({ 'a.yaml': 'new', 'b/gone.yaml': 'x', 'same.yaml': 's' }));
  const wanted = new Map(Object.entries({ 'a.yaml': 'old', 'same.yaml': 's', 'c/d/e.yaml': 'e' }));
  const told = writeBack(folder, now, wanted);
  assert.deepEqual(told, [`wrote ${folder}/a.yaml`, `wrote ${folder}/c/d/e.yaml`, `removed ${folder}/b/gone.yaml`]);
  assert.equal(readFileSync(path.join(folder, 'a.yaml'), 'utf8'), 'old');
  assert.equal(readFileSync(path.join(folder, 'c/d/e.yaml'), 'utf8'), 'e');
  assert.equal(existsSync(path.join(folder, 'b/gone.yaml')), false);
  assert.throws(() => writeBack(folder, new Map(), new Map([['../x.yaml', '']])), /\.\.\/x\.yaml is not in/);
});
