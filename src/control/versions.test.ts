/** Versions over real sockets: rollback, canaries and what is left of them after a restart. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { type AdminAnswer, runPlane, type TestPlane } from './testing/plane.ts';

interface History {
  readonly version: number;
  readonly held?: { readonly kind: string; readonly reason: string };
  readonly rollout?: { readonly version: number };
  readonly versions: readonly { readonly number: number; readonly state: string; readonly reason: string; readonly by: string }[];
}

interface Setup extends Pick<TestPlane, 'write' | 'connect' | 'restart'> {
  post(call: string, body: object): Promise<AdminAnswer>;
  history(): Promise<History>;
  /** Waits until the newest version is in this state. */
  until(state: string): Promise<History>;
}

async function setUp(t: TestContext, text: string): Promise<Setup> {
  const running = await runPlane(t, text);
  const history = async (): Promise<History> => JSON.parse((await running.call('GET', '/api/history')).text);
  return {
    write: running.write,
    connect: running.connect,
    restart: running.restart,
    post: (call, body) => running.call('POST', call, body),
    history,
    async until(state) {
      for (;;) {
        const now = await history();
        if (now.versions[0]?.state === state) return now;
        await delay(10);
      }
    },
  };
}

/** `2 applied, 1 superseded`. */
function told({ versions }: History): string {
  return versions.map(({ number, state }) => `${number} ${state}`).join(', ');
}

test('a rollback changes what proxies have, outlives a restart, and ends with the next edit', async (t) => {
  const setup = await setUp(t, 'cluster a 1\n');
  const proxy = setup.connect();
  await proxy.until((held) => held.get('CDS a')?.endsWith('1') === true);
  await setup.write('cluster a 2\n');
  await proxy.until((held) => held.get('CDS a')?.endsWith('2') === true);
  const { status } = await setup.post('/api/rollback', { by: 'ann', message: 'slow' });
  assert.equal(status, 200);
  await proxy.until((held) => held.get('CDS a')?.endsWith('1') === true);
  proxy.goodbye();
  await setup.restart();
  const held = await setup.history();
  assert.equal(told(held), '3 applied, 2 rolled back, 1 superseded');
  assert.deepEqual([held.held?.kind, held.held?.reason], ['rollback', 'rolled back to version 1: slow']);
  const again = setup.connect();
  await again.until((now) => now.get('CDS a')?.endsWith('1') === true);
  await setup.write('cluster a 3\n');
  await again.until((now) => now.get('CDS a')?.endsWith('3') === true);
  assert.equal((await setup.history()).held, undefined);
});

test('a restart over the same folder is no version', async (t) => {
  const setup = await setUp(t, 'cluster a 1\n');
  await setup.restart();
  assert.equal(told(await setup.history()), '1 applied');
});

const CANARY = { steps: [{ percent: 10 }], intervalMs: 50, ackTimeoutMs: 5000 };

test('what a proxy of a canary refuses comes to no other', async (t) => {
  const setup = await setUp(t, 'cluster a 1\n');
  const proxies = ['web-0', 'web-1', 'web-2'].map((instance) => setup.connect({ instance, rejects: '2' }));
  await Promise.all(proxies.map((each) => each.until((held) => held.get('CDS a')?.endsWith('1') === true)));
  const { status, text } = await setup.post('/api/apply', { files: { 'mesh.yaml': 'cluster a 2\n' }, by: 'ann', policy: CANARY });
  assert.equal(status, 200, text);
  const after = await setup.until('failed');
  assert.match(after.versions[0]?.reason ?? '', /^web-\d\.shop refused /);
  assert.equal(after.version, 1);
  assert.equal(after.held, undefined, 'the folder is in force, as before');
  for (const each of proxies) assert.match(each.held.get('CDS a') ?? '', /1$/);
});

test('what the proxies of a canary take comes to all', async (t) => {
  const setup = await setUp(t, 'cluster a 1\n');
  const proxies = ['web-0', 'web-1'].map((instance) => setup.connect({ instance }));
  await Promise.all(proxies.map((each) => each.until((held) => held.get('CDS a')?.endsWith('1') === true)));
  await setup.post('/api/apply', { files: { 'mesh.yaml': 'cluster a 2\n' }, by: 'ann', policy: { ...CANARY, intervalMs: 300 } });
  await Promise.race(proxies.map((each) => each.until((held) => held.get('CDS a')?.endsWith('2') === true)));
  assert.equal(proxies.filter(({ held }) => held.get('CDS a')?.endsWith('2') === true).length, 1, 'one of two, first');
  await Promise.all(proxies.map((each) => each.until((held) => held.get('CDS a')?.endsWith('2') === true)));
  const after = await setup.until('applied');
  assert.deepEqual([told(after), after.held?.kind], ['2 applied, 1 superseded', 'applied']);
});

test('a canary under way is ended by hand, and begins anew after a restart', async (t) => {
  const setup = await setUp(t, 'cluster a 1\n');
  const body = { files: { 'mesh.yaml': 'cluster a 2\n' }, policy: { ...CANARY, intervalMs: 60_000 } };
  await setup.post('/api/apply', body);
  await setup.restart();
  assert.equal((await setup.history()).rollout?.version, 2);
  assert.equal((await setup.post('/api/rollback', { by: 'bob', message: 'no' })).status, 200);
  assert.equal(told(await setup.history()), '2 withdrawn, 1 applied');
  await setup.post('/api/apply', body);
  assert.equal((await setup.post('/api/rollout/promote', {})).status, 200);
  assert.equal(told(await setup.history()), '3 applied, 2 withdrawn, 1 superseded');
});

test('calls that make no sense are refused', async (t) => {
  const setup = await setUp(t, 'cluster a 1\n');
  const cases = [
    { call: '/api/rollback', body: {}, status: 409, want: /no former version/ },
    { call: '/api/rollback', body: { version: 1 }, status: 409, want: /in force already/ },
    { call: '/api/rollback', body: { version: 7 }, status: 404, want: /no version 7/ },
    { call: '/api/release', body: {}, status: 409, want: /nothing is held back/ },
    { call: '/api/rollout/abort', body: {}, status: 409, want: /no rollout/ },
    { call: '/api/rollout/promote', body: {}, status: 409, want: /no rollout/ },
    { call: '/api/apply', body: { files: {} }, status: 400, want: /"?files\\?"? must be/ },
    { call: '/api/apply', body: { files: { a: 'x' }, policy: { steps: [{ percent: 0 }] } }, status: 400, want: /policy\.steps/ },
    { call: '/api/apply', body: { files: { a: 'x' }, policy: { errorRateMax: 2 } }, status: 400, want: /policy\.errorRateMax/ },
    { call: '/api/apply', body: { files: { 'mesh.yaml': 'cluster a bad\n' } }, status: 422, want: /mesh\.yaml:1: bad is not good/ },
    { call: '/api/apply', body: { files: { 'mesh.yaml': 'cluster a 1\n' } }, status: 409, want: /in force already/ },
  ];
  for (const { call, body, status, want } of cases) {
    const answer = await setup.post(call, body);
    assert.equal(answer.status, status, `${call} ${JSON.stringify(body)}: ${answer.text}`);
    assert.match(answer.text, want);
  }
});
