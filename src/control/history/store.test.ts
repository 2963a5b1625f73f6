import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../core/log.ts';
import { createKeeper, readTimeline } from './keeper.ts';
import { HistoryStore } from './store.ts';
import { fileDigests, textDigest, type Version } from './version.ts';
import { begin, emptyTimeline, type Timeline } from '../rollout/timeline.ts';

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
  assert.deepEqual(readTimeline(read.versions, read.state), { ...second, hold: second.hold, candidate: undefined });
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
