/** A folder that people and editors work in. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { EventEmitter } from 'node:events';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLog } from '../../core/log.ts';
import { type FileTexts, watchFolder } from './files.ts';

interface Watched {
  readonly folder: string;
  /** Resolves when the folder was seen to hold exactly `want`. */
  readonly sees: (want: Readonly<Record<string, string>>) => Promise<void>;
}

async function watched(t: TestContext, files: Readonly<Record<string, string>>): Promise<Watched> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tulle-files-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  const events = new EventEmitter();
  const ignore = [path.join(folder, 'state')];
  const source = await watchFolder({ folder, ignore, quietMs: 5, maxMs: 100, pollMs: 60_000, log: silentLog }, () => events.emit('change'));
  t.after(async () => {
    source.close();
    await rm(folder, { recursive: true, force: true });
  });
  const asObject = (texts: FileTexts): Record<string, string> => Object.fromEntries(texts);
  return {
    folder,
    async sees(want) {
      while (JSON.stringify(asObject(source.texts)) !== JSON.stringify(want)) await once(events, 'change');
      assert.deepEqual(asObject(source.texts), want);
    },
  };
}

test('YAML files are read, in folders too; the rest is left alone', async (t) => {
  const { sees } = await watched(t, {
    'a.yaml': 'a',
    'deep/er/b.yml': 'b',
    'readme.md': 'no',
    '.hidden.yaml': 'no',
    '.git/c.yaml': 'no',
    'node_modules/d.yaml': 'no',
    'state/e.yaml': 'no',
  });
  await sees({ 'a.yaml': 'a', 'deep/er/b.yml': 'b' });
});

test('edits are seen however they are made', async (t) => {
  const { folder, sees } = await watched(t, { 'a.yaml': '1' });
  const at = (name: string): string => path.join(folder, name);
  await writeFile(at('a.yaml'), '2');
  await sees({ 'a.yaml': '2' });
  await writeFile(at('.a.swp'), '3');
  await rename(at('.a.swp'), at('a.yaml'));
  await sees({ 'a.yaml': '3' });
  await rename(at('a.yaml'), at('b.yaml'));
  await sees({ 'b.yaml': '3' });
  await mkdir(at('sub'));
  await writeFile(at('sub/c.yaml'), '4');
  await sees({ 'b.yaml': '3', 'sub/c.yaml': '4' });
  await writeFile(at('sub/c.yaml'), '5');
  await sees({ 'b.yaml': '3', 'sub/c.yaml': '5' });
  await rm(at('sub'), { recursive: true });
  await sees({ 'b.yaml': '3' });
});

test('what is there and cannot be read stays as it was', async (t) => {
  const { folder, sees } = await watched(t, { 'a.yaml': '1', 'b.yaml': '1', 'sub/c.yaml': '1' });
  const at = (name: string): string => path.join(folder, name);
  // a link that leads in a circle: any user is refused to read it
  await symlink('a.yaml', at('link.yaml'));
  await rename(at('link.yaml'), at('a.yaml'));
  await writeFile(at('b.yaml'), '2');
  await sees({ 'a.yaml': '1', 'b.yaml': '2', 'sub/c.yaml': '1' });
  await rm(at('a.yaml'));
  await sees({ 'b.yaml': '2', 'sub/c.yaml': '1' });
});

test('a folder that is not there is an error at the start', async () => {
  const options = { folder: '/nowhere/at/all', ignore: [], quietMs: 1, maxMs: 1, pollMs: 1000, log: silentLog };
  await assert.rejects(
    watchFolder(options, () => undefined),
    /ENOENT/,
  );
});
