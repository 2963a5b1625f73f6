/** docs/reference/ says what the code says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { referenceFolder, referencePages } from './gen-reference.ts';

test('the reference pages are those that the code makes', async () => {
  for (const [name, text] of await referencePages()) {
    assert.equal(readFileSync(path.join(referenceFolder, name), 'utf8'), text, `run: node tools/gen-reference.ts (${name})`);
  }
});
