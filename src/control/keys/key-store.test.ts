import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLog } from '../../core/log.ts';
import type { KeySource } from '../../model/key-set.ts';
import { Metrics } from '../metrics.ts';
import { KeyStore } from './key-store.ts';

const SOURCE: KeySource = { url: 'http://issuer.example/keys', isDiscovery: false, timeoutMs: 5000 };

/** An issuer that answers what `answer` says, or not at all. */
async function setUp(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const stateDir = await mkdtemp(path.join(tmpdir(), 'tulle-keys-'));
  t.after(() => rm(stateDir, { recursive: true }));
  const issuer = { answer: 'one', asked: 0 };
  let changes = 0;
  const fetch = async () => {
    issuer.asked += 1;
    if (issuer.answer === '') throw new Error('not there');
    return issuer.answer;
  };
  const open = () => new KeyStore({ stateDir, log: silentLog, metrics: new Metrics(), fetch }, () => (changes += 1));
  return { issuer, open, changes: () => changes };
}

/** Lets what a timer has started go on to its end. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
}

test('keys are fetched again every twenty minutes, and said to have changed only where they have', async (t) => {
  const { issuer, open, changes } = await setUp(t);
  const store = open();
  store.want([SOURCE]);
  assert.deepEqual(store.sets(), []);
  await store.tried(1000);
  assert.deepEqual(store.sets(), [{ url: SOURCE.url, jwks: 'one', problem: '' }]);
  const former = store.sets();
  t.mock.timers.tick(20 * 60_000);
  await settle();
  assert.equal(issuer.asked, 2);
  assert.equal(store.sets(), former);
  issuer.answer = 'two';
  t.mock.timers.tick(20 * 60_000);
  await settle();
  assert.equal(store.sets()[0]?.jwks, 'two');
  assert.equal(changes(), 2);
  await store.close();
});

test('the last good keys stay where they cannot be fetched, and what was never fetched is tried again and again', async (t) => {
  const { issuer, open } = await setUp(t);
  issuer.answer = '';
  const store = open();
  store.want([SOURCE]);
  await store.tried(1000);
  assert.deepEqual(store.sets(), [{ url: SOURCE.url, jwks: '', problem: 'not there' }]);
  for (const pauseMs of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    const { asked } = issuer;
    t.mock.timers.tick(pauseMs - 1);
    await settle();
    assert.equal(issuer.asked, asked);
    t.mock.timers.tick(1);
    await settle();
    assert.equal(issuer.asked, asked + 1);
  }
  issuer.answer = 'one';
  t.mock.timers.tick(60_000);
  await settle();
  assert.deepEqual(store.sets(), [{ url: SOURCE.url, jwks: 'one', problem: '' }]);
  issuer.answer = '';
  t.mock.timers.tick(20 * 60_000);
  await settle();
  assert.deepEqual(store.sets(), [{ url: SOURCE.url, jwks: 'one', problem: 'not there' }]);
  await store.close();
});

test('keys outlive a restart, and what nobody wants any more is forgotten', async (t) => {
  const { issuer, open } = await setUp(t);
  const first = open();
  first.want([SOURCE]);
  await first.tried(1000);
  await first.close();
  issuer.answer = '';
  const second = open();
  await second.restore();
  second.want([SOURCE]);
  assert.deepEqual(second.sets(), [{ url: SOURCE.url, jwks: 'one', problem: '' }]);
  await second.tried(1000);
  assert.deepEqual(second.sets(), [{ url: SOURCE.url, jwks: 'one', problem: 'not there' }]);
  second.want([]);
  assert.deepEqual(second.sets(), []);
  const { asked } = issuer;
  t.mock.timers.tick(20 * 60_000);
  await settle();
  assert.equal(issuer.asked, asked);
  await second.close();
  const third = open();
  await third.restore();
  third.want([SOURCE]);
  assert.deepEqual(third.sets(), []);
  await third.close();
});
