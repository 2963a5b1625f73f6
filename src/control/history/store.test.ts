import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../core/log.ts';
import { createKeeper, readTimeline } from './keeper.ts';
import { HistoryStore } from './store.ts';
import { fileDigests, textDigest } from './digests.ts';
import type { Version } from './version.ts';
import { begin, emptyTimeline, folderSeen, type Timeline } from '../rollout/timeline.ts';

const TEXTS = new Map([
  ['b.yaml', 'b'],
  ['a.yaml', 'a'],
]);

function enter(timeline: Timeline, texts: ReadonlyMap<string, string>): Timeline {
  return begin(timeline, { createdAtMs: 1, cause: 'edit', by: 'ann', message: 'why', changes: [], files: fileDigests(texts) }, undefined);
}

test('what was kept is read again, and texts that nobody has any more go', async (t) => {
  const stateDir = await mkdtemp(path.join(os.tmpdir(), 'tulle-history-'));
  t.after(() => rm(stateDir, { recursive: true }));
  const folder = path.join(stateDir, 'history');
  const store = new HistoryStore(stateDir, silentLog);
  const { versions, state } = await store.read();
  const keeper = createKeeper(store, readTimeline(versions, state));
  const first = enter(emptyTimeline, TEXTS);
  keeper.keep(first, TEXTS);
  const second = enter(first, new Map([['a.yaml', 'a']]));
  keeper.keep(second, new Map([['a.yaml', 'a']]));
  const [old] = second.versions;
  assert.ok(old !== undefined);
  assert.deepEqual(
    [...(await store.texts(old))],
    [
      ['a.yaml', 'a'],
      ['b.yaml', 'b'],
    ],
  );
  await store.close();
  assert.equal((await stat(path.join(folder, '1.json'))).mode & 0o777, 0o600);
  const again = new HistoryStore(stateDir, silentLog);
  const read = await again.read();
  const plain = (timeline: Timeline) => timeline.versions.map((version) => ({ ...version, files: new Map(version.files) }));
  const restored = readTimeline(read.versions, read.state);
  assert.deepEqual({ ...restored, versions: plain(restored) }, { ...second, versions: plain(second), candidate: undefined });
  const pruned: Timeline = { ...second, versions: second.versions.filter(({ number }) => number === 2) };
  createKeeper(again, second).keep(pruned, new Map());
  await again.close();
  assert.deepEqual(await readdir(path.join(folder, 'texts')), [textDigest('a')]);
  await assert.rejects(again.texts(old), /ENOENT/);
});

test('a record that is damaged is left out, a text that is damaged is refused', async (t) => {
  const stateDir = await mkdtemp(path.join(os.tmpdir(), 'tulle-history-'));
  t.after(() => rm(stateDir, { recursive: true }));
  const store = new HistoryStore(stateDir, silentLog);
  await store.read();
  const timeline = enter(emptyTimeline, TEXTS);
  createKeeper(store, emptyTimeline).keep(timeline, TEXTS);
  await store.close();
  await writeFile(path.join(stateDir, 'history', '2.json'), '{"number": 2}');
  await writeFile(path.join(stateDir, 'history', 'texts', textDigest('a')), 'other');
  const { versions } = await new HistoryStore(stateDir, silentLog).read();
  assert.deepEqual(
    versions.map(({ number }: Version) => number),
    [1],
  );
  const [version] = versions;
  assert.ok(version !== undefined);
  await assert.rejects(store.texts(version), /the kept text of a\.yaml is damaged/);
  assert.equal(readTimeline(versions, { stable: 9, candidate: { number: 1 }, hold: 'x' }).stable, 0);
});

/** `files` files, of which `edits` are other than `0`. */
function folder(files: number, edits: Readonly<Record<number, string>>): ReadonlyMap<string, string> {
  return new Map(Array.from({ length: files }, (_, i) => [`f-${i}.yaml`, edits[i] ?? `${i}: 0`]));
}

for (const files of [3, 120]) {
  test(`every version of ${files} files is read again, and its texts with it, however many came and went`, async (t) => {
    const stateDir = await mkdtemp(path.join(os.tmpdir(), 'tulle-history-'));
    t.after(() => rm(stateDir, { recursive: true }));
    const steps = [
      folder(files, {}),
      folder(files, { 1: 'a' }),
      folder(files, { 1: 'a', 2: 'b' }),
      folder(files, { 2: 'b' }),
      // the last file is gone, and another has its content
      folder(files - 1, { 0: `${files - 1}: 0` }),
      folder(files + 1, { 1: 'c' }),
    ];
    let timeline: Timeline = emptyTimeline;
    const texts = new Map<number, ReadonlyMap<string, string>>();
    for (let round = 0; round < 14; round++) {
      const step = steps[round % steps.length] ?? new Map<string, string>();
      // a control plane that starts again now and then
      const store = new HistoryStore(stateDir, silentLog);
      const { versions, state } = await store.read();
      if (round % 2 === 0) {
        assert.deepEqual(
          versions.map((version) => [version.number, new Map(version.files)]),
          timeline.versions.map((version) => [version.number, new Map(version.files)]),
        );
        timeline = readTimeline(versions, state);
      }
      const keeper = createKeeper(store, timeline);
      const next = enter(timeline, new Map([...step, ['round.yaml', String(round)]]));
      texts.set(next.stable, new Map([...step, ['round.yaml', String(round)]]));
      keeper.keep(next, texts.get(next.stable) ?? new Map());
      // few versions are kept here, so that many go
      timeline = { ...next, versions: next.versions.slice(-4) };
      keeper.keep(timeline, new Map());
      for (const version of timeline.versions) {
        const want = [...(texts.get(version.number) ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1));
        assert.deepEqual([...(await store.texts(version))], want);
      }
      await store.close();
    }
    const kept = new Set(timeline.versions.flatMap((version) => [...version.files.values()]));
    assert.deepEqual(new Set(await readdir(path.join(stateDir, 'history', 'texts'))), kept);
    const lists = (await readdir(path.join(stateDir, 'history'))).filter((name) => name.startsWith('files-'));
    assert.equal(lists.length > 0, files > 100);
    assert.ok(lists.length <= timeline.versions.length);
  });
}

test('what a former release kept is read: lists in each version, and its digest of a held folder', async (t) => {
  const stateDir = await mkdtemp(path.join(os.tmpdir(), 'tulle-history-'));
  t.after(() => rm(stateDir, { recursive: true }));
  const history = path.join(stateDir, 'history');
  await mkdir(path.join(history, 'texts'), { recursive: true });
  const files = { 'b.yaml': textDigest('b'), 'a.yaml': textDigest('a') };
  const former = {
    number: 1,
    createdAtMs: 1,
    cause: 'rollback',
    by: '',
    message: '',
    state: 'applied',
    reason: '',
    changes: [],
    refused: 0,
    files,
  };
  await writeFile(path.join(history, '1.json'), JSON.stringify(former));
  for (const text of ['a', 'b']) await writeFile(path.join(history, 'texts', textDigest(text)), text);
  const held = new Map([['a.yaml', 'other']]);
  const digest = textDigest(JSON.stringify([['a.yaml', textDigest('other')]]));
  const hold = { kind: 'rollback', sinceMs: 1, by: '', reason: '', folder: digest };
  await writeFile(path.join(history, 'state.json'), JSON.stringify({ stable: 1, folder: digest, hold }));
  const store = new HistoryStore(stateDir, silentLog);
  const { versions, state } = await store.read();
  const timeline = readTimeline(versions, state);
  const [version] = versions;
  assert.ok(version !== undefined);
  assert.deepEqual(new Map(await store.texts(version)), new Map(TEXTS));
  // the folder is still held back, and any other content ends that
  assert.equal(folderSeen(timeline, fileDigests(held)).isNew, false);
  assert.equal(folderSeen(timeline, fileDigests(new Map([['a.yaml', 'third']]))).isNew, true);
  assert.equal(folderSeen(timeline, fileDigests(TEXTS)).timeline.hold, undefined);
});
