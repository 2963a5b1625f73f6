import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { findLists, type Marks, shortenLists } from './object-caches.ts';

/** Strings that Node's own snapshot has in the lists. */
const KNOWN: Marks = ['primordials', 'WebAssembly.Module'];
const FILE_VARIABLE = 'TULLE_TEST_LISTS';

const isLinux = process.platform === 'linux' && process.arch === 'x64';
const source = import.meta.filename;

/** What a process says that shortens its lists, collects and goes on; in this one contexts are made later. */
function shortenElsewhere(file: string): string {
  const program = `
    import { shortenLists } from ${JSON.stringify(source.replace('.test.ts', '.ts'))};
    const marks = ${JSON.stringify(KNOWN)};
    const said = [shortenLists(process.env.${FILE_VARIABLE}, marks), shortenLists(process.env.${FILE_VARIABLE}, marks)];
    for (let i = 0; i < 3; i++) gc();
    console.log(JSON.stringify([...said, new Intl.NumberFormat('en').format(1234.5), /b+/.exec('abb')?.[0]]));`;
  const script = `${file}.mts`;
  writeFileSync(script, program);
  const env = { ...process.env, [FILE_VARIABLE]: file };
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--expose-gc', script], { encoding: 'utf8', env });
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

test('V8’s lists are found by strings that are in them, and end there once they are shortened', { skip: !isLinux }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-lists-'));
  const file = path.join(folder, 'lists');
  try {
    const places = findLists(KNOWN);
    assert.equal(places?.length, 2);
    assert.equal(findLists(['primordials', 'a text that no list has']), undefined);

    assert.equal(shortenLists(file, KNOWN), false, 'there is no file');
    for (const text of ['', '{}', '[]', '[1, 2]', JSON.stringify(places.map((place) => ({ ...place, marked: place.marked + 1 })))]) {
      writeFileSync(file, text);
      assert.equal(shortenLists(file, KNOWN), false, text);
    }

    writeFileSync(file, JSON.stringify(places));
    // there was a mark, then the end
    assert.equal(shortenElsewhere(file), '[true,false,"1,234.5","bb"]');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
