import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../core/log.ts';
import { patchedMap } from '../../core/patched-map.ts';
import { KeptStore } from './kept-store.ts';
import type { KeptText, KeptTexts } from './last-good.ts';

function texts(...all: readonly string[]): readonly KeptText[] {
  return all.map((text) => ({ text, keys: [`Service shop/${text}`] }));
}

test('what is in force is read again as it was kept last, after any edits', async (t) => {
  const stateDir = await mkdtemp(path.join(os.tmpdir(), 'tulle-kept-'));
  t.after(() => rm(stateDir, { recursive: true }));
  const first: KeptTexts = new Map([
    ['a.yaml', texts('a')],
    ['b.yaml', texts('b')],
    ['c.yaml', texts('c')],
  ]);
  const edited = patchedMap(first, [['b.yaml', texts('b2', 'b3')]]);
  const steps: readonly KeptTexts[] = [
    first,
    edited,
    patchedMap(edited, [
      ['a.yaml', undefined],
      ['d.yaml', texts('d')],
    ]),
    new Map([['e.yaml', texts('e')]]),
  ];
  for (const step of steps) {
    const store = new KeptStore(stateDir, silentLog);
    await store.read();
    for (const each of steps.slice(0, steps.indexOf(step) + 1)) store.keep(each);
    await store.close();
    assert.deepEqual(await new KeptStore(stateDir, silentLog).read(), new Map(step));
  }
  // one that lives through all of it
  const store = new KeptStore(stateDir, silentLog);
  await store.read();
  for (const step of steps) {
    store.keep(step);
    await store.close();
    assert.deepEqual(new Map(await new KeptStore(stateDir, silentLog).read()), new Map(step));
  }
});

test('what could not be kept is tried again with the next mesh', async (t) => {
  const stateDir = await mkdtemp(path.join(os.tmpdir(), 'tulle-kept-'));
  t.after(() => rm(stateDir, { recursive: true }));
  const store = new KeptStore(stateDir, silentLog);
  await store.read();
  const kept: KeptTexts = new Map([['a.yaml', texts('a')]]);
  const folder = path.join(stateDir, 'last-good');
  await rm(folder, { recursive: true });
  store.keep(kept);
  await store.close();
  await mkdir(folder);
  store.keep(kept);
  await store.close();
  assert.deepEqual(new Map(await new KeptStore(stateDir, silentLog).read()), kept);
});
