import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { BEFORE_BYTES, giveBack } from './give-back.ts';

/** More than what glibc ever takes from its heap, and not whole pages. */
const BYTES = (33 << 20) + 100;

const isMapped = (file: string): boolean => readFileSync('/proc/self/maps', 'latin1').includes(file);

test('memory is mapped from a file that has the same bytes, and from no other', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-give-back-'));
  try {
    const memory = Buffer.allocUnsafeSlow(BYTES);
    for (let at = 0; at + 4 <= BYTES; at += 4) memory.writeUInt32LE(at, at);
    const content = Buffer.concat([Buffer.alloc(BEFORE_BYTES), memory]);

    const other = path.join(folder, 'other');
    content[BYTES >> 1] = 1 + (content[BYTES >> 1] ?? 0);
    writeFileSync(other, content);
    assert.equal(await giveBack(other), false, 'one byte differs');
    assert.equal(isMapped(other), false);
    assert.equal(await giveBack(path.join(folder, 'none')), false, 'there is no file');

    const same = path.join(folder, 'same');
    content[BYTES >> 1] = (content[BYTES >> 1] ?? 0) - 1;
    writeFileSync(same, content);
    assert.equal(await giveBack(same), true);
    assert.ok(isMapped(same));
    assert.ok(memory.equals(content.subarray(BEFORE_BYTES)), 'the bytes are the same');

    memory.fill(7);
    assert.ok(readFileSync(same).equals(content), 'the file is not written to');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
