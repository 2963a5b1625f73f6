import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLog } from '../core/log.ts';
import { instanceOf } from '../model/testing/instance.ts';
import { Registry } from './registry.ts';

const GRACE_MS = 3000;

const { isReady: _, ...instance } = instanceOf('web');

async function registry(t: TestContext, stateDir?: string): Promise<{ registry: Registry; changes: () => number; stateDir: string }> {
  const folder = stateDir ?? (await mkdtemp(path.join(os.tmpdir(), 'tulle-registry-')));
  let count = 0;
  const made = new Registry({ stateDir: folder, log: silentLog, graceMs: GRACE_MS, restoreGraceMs: GRACE_MS }, () => (count += 1));
  t.after(async () => {
    await made.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { registry: made, changes: () => count, stateDir: folder };
}

test('a stream that ends after another took its instance over takes nothing along', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { registry: known } = await registry(t);
  const [first, second] = [{}, {}];
  known.register(instance, first, false);
  known.setReady(instance, first, true);
  known.register(instance, second, true);
  known.leave(instance, first, true);
  known.setReady(instance, first, false);
  t.mock.timers.tick(GRACE_MS * 2);
  assert.deepEqual(
    known.instances().map(({ isReady }) => isReady),
    [true],
  );
});

test('what the first message says of readiness holds at once: a successor leaves no gap', async (t) => {
  const { registry: known, changes } = await registry(t);
  const [first, second] = [{}, {}];
  known.register(instance, first, false);
  known.setReady(instance, first, true);
  const before = changes();
  known.register(instance, second, false, true);
  known.leave(instance, first, true);
  assert.equal(changes(), before);
  known.setReady(instance, second, false);
  assert.deepEqual(
    known.instances().map(({ isReady }) => isReady),
    [false],
  );
});

test('where a successor ends first, the stream before it speaks again, with what it has said meanwhile', async (t) => {
  const { registry: known } = await registry(t);
  const [first, second, third] = [{}, {}, {}];
  const ready = (): readonly boolean[] => known.instances().map(({ isReady }) => isReady);
  known.register(instance, first, false, true);
  known.register(instance, second, false);
  known.register(instance, third, false);
  assert.deepEqual(ready(), [false]);
  known.leave(instance, second, true);
  known.leave(instance, third, true);
  assert.deepEqual(ready(), [true]);
  known.register(instance, second, false, true);
  known.setReady(instance, first, false);
  assert.deepEqual(ready(), [true]);
  known.leave(instance, second, false);
  assert.deepEqual(ready(), [false]);
  known.leave(instance, first, true);
  assert.deepEqual(ready(), []);
});

test('a living instance cannot be pushed off its place by another service account', async (t) => {
  const { registry: known } = await registry(t);
  known.register(instance, {}, false);
  assert.throws(() => known.register({ ...instance, serviceAccount: 'other' }, {}, false), /an instance of the service account web/);
});

test('a process that starts anew under the same name is not ready until it says so', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { registry: known } = await registry(t);
  const [first, second] = [{}, {}];
  known.register(instance, first, false);
  known.setReady(instance, first, true);
  known.leave(instance, first, false);
  known.register(instance, second, false);
  assert.deepEqual(
    known.instances().map(({ isReady }) => isReady),
    [false],
  );
  t.mock.timers.tick(GRACE_MS * 2);
  assert.equal(known.instances().length, 1);
});

test('a reconnect within the grace is no change at all', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { registry: known, changes } = await registry(t);
  const [first, second] = [{}, {}];
  known.register(instance, first, false);
  known.setReady(instance, first, true);
  const before = changes();
  known.leave(instance, first, false);
  t.mock.timers.tick(GRACE_MS - 1);
  known.register(instance, second, true);
  t.mock.timers.tick(GRACE_MS);
  assert.equal(changes(), before);
});

test('when we stop, streams end and instances stay', async (t) => {
  const { registry: known, stateDir } = await registry(t);
  const owner = {};
  known.register(instance, owner, false);
  const closing = known.close();
  known.leave(instance, owner, true);
  await closing;
  const { registry: next } = await registry(t, stateDir);
  await next.restore();
  assert.deepEqual(
    next.instances().map(({ id }) => id),
    ['web-0'],
  );
});

test('a file of instances that cannot be read is left aside', async (t) => {
  const { registry: known, stateDir } = await registry(t);
  for (const text of ['{', '[{"id":1}]']) {
    await writeFile(path.join(stateDir, 'instances.json'), text);
    await known.restore();
    assert.deepEqual(known.instances(), []);
  }
});

test('an instance without a stream stays as long as it is put again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { registry: known, changes } = await registry(t);
  const held = { ...instance, isReady: true, isMeshed: false };
  known.put(held, GRACE_MS);
  t.mock.timers.tick(GRACE_MS - 1);
  known.put({ ...held }, GRACE_MS);
  t.mock.timers.tick(GRACE_MS - 1);
  assert.deepEqual(known.instances(), [held]);
  assert.equal(changes(), 1, 'the same again is no change');
  known.put({ ...held, isReady: false }, GRACE_MS);
  assert.equal(known.instances()[0]?.isReady, false);
  t.mock.timers.tick(GRACE_MS);
  assert.deepEqual(known.instances(), []);
});

test('an instance without a stream can be taken away, one with a stream cannot, nor be put over', async (t) => {
  const { registry: known } = await registry(t);
  known.put({ ...instance, isReady: true, isMeshed: false }, GRACE_MS);
  assert.equal(known.delete(instance), true);
  assert.equal(known.delete(instance), false);
  known.register(instance, {}, false);
  assert.equal(known.delete(instance), false);
  assert.throws(() => known.put({ ...instance, isReady: true }, GRACE_MS), /the proxy of shop\/web-0 speaks for it/);
});
