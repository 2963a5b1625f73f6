import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createStats } from '../../../telemetry/registry.ts';
import { fakeScope } from '../../../telemetry/testing/fake-stream.ts';
import { testCluster, testClusters } from '../../../testing/http-harness.ts';
import { loopbackServer } from '../../../testing/loopback-server.ts';
import { jwksOf, newKey } from '../testing/tokens.ts';
import type { KeySet } from './jwks.ts';
import { isStatus } from './jwt.ts';
import { RemoteKeys } from './key-source.ts';
import type { RemoteSettings } from './remote-settings.ts';
import { type JwtStatus, STATUS } from './status.ts';

const FIRST = jwksOf(newKey('ES256', 'first'));
const SECOND = jwksOf(newKey('ES256', 'second'));

/** A server of keys whose answers are taken in turn, the last one for ever. */
async function setUp(t: TestContext, answers: readonly (readonly [status: number, body: string])[], changes: Partial<RemoteSettings> = {}) {
  let asked = 0;
  const port = await loopbackServer(t, (_request, response) => {
    const [status, body] = answers[Math.min(asked++, answers.length - 1)] ?? [500, ''];
    response.writeHead(status).end(body);
  });
  const stats = createStats();
  let aheadMs = 0;
  const scope = fakeScope({
    clusters: testClusters([testCluster('keys', [port], stats)]),
    clock: { monotonicMs: () => performance.now() + aheadMs, wallMs: () => 0 },
    random: () => 0,
  });
  const settings: RemoteSettings = {
    uri: 'http://keys/jwks',
    authority: 'keys',
    path: '/jwks',
    cluster: 'keys',
    timeoutMs: 1000,
    cacheMs: 60_000,
    isPrefetched: false,
    failedRefetchMs: 1000,
    retries: 0,
    backOffMs: 1,
    backOffMaxMs: 1,
    ...changes,
  };
  const counts = { succeeded: { value: 0 }, failed: { value: 0 } };
  let changed = 0;
  const keys = new RemoteKeys(settings, scope, counts, () => void changed++);
  return {
    get: () => new Promise<KeySet | JwtStatus>((resolve) => keys.get(resolve)),
    pass: (ms: number) => void (aheadMs += ms),
    counts,
    asked: () => asked,
    changed: () => changed,
  };
}

const kid = (keys: KeySet | JwtStatus): string | undefined => (isStatus(keys) ? keys.text : keys.keys[0]?.kid);

test('those who need keys at the same time wait for one fetch, and later ones for none', async (t) => {
  const { get, asked, counts } = await setUp(t, [[200, FIRST]]);
  assert.deepEqual((await Promise.all([get(), get(), get()])).map(kid), ['first', 'first', 'first']);
  assert.equal(kid(await get()), 'first');
  assert.deepEqual([asked(), counts.succeeded.value], [1, 1]);
});

test('keys that have expired are fetched again, and others are told', async (t) => {
  const { get, pass, changed } = await setUp(t, [
    [200, FIRST],
    [200, FIRST],
    [200, SECOND],
  ]);
  await get();
  pass(61_000);
  assert.equal(kid(await get()), 'first');
  assert.equal(changed(), 1);
  pass(61_000);
  assert.equal(kid(await get()), 'second');
  assert.equal(changed(), 2);
});

test('keys that are fetched ahead serve until the next ones are there', async (t) => {
  const { get, pass, asked } = await setUp(
    t,
    [
      [200, FIRST],
      [200, SECOND],
    ],
    { isPrefetched: true },
  );
  await new Promise((resolve) => void setImmediate(resolve));
  assert.equal(kid(await get()), 'first');
  assert.equal(asked(), 1);
  pass(56_000);
  assert.equal(kid(await get()), 'first');
  while (kid(await get()) === 'first') await new Promise((resolve) => void setImmediate(resolve));
  assert.equal(asked(), 2);
});

for (const [name, answer] of [
  ['an error', [500, '']],
  ['another status', [404, FIRST]],
  ['no keys', [200, 'no']],
  ['an empty set', [200, '{"keys":[]}']],
] as const) {
  test(`a fetch fails by ${name}, and the next one may not`, async (t) => {
    const { get, counts } = await setUp(t, [answer, [200, FIRST]]);
    assert.equal(await get(), STATUS.fetchFailed);
    assert.equal(kid(await get()), 'first');
    assert.deepEqual([counts.failed.value, counts.succeeded.value], [1, 1]);
  });
}

test('a fetch is tried again as often as it may be', async (t) => {
  const { get, asked, counts } = await setUp(
    t,
    [
      [500, ''],
      [503, ''],
      [200, FIRST],
    ],
    { retries: 2 },
  );
  assert.equal(kid(await get()), 'first');
  assert.deepEqual([asked(), counts.failed.value], [3, 0]);
});
