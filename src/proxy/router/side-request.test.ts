import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../core/clock.ts';
import { headersOf } from '../../wire/http/headers.ts';
import { counter, type Options, setUp } from '../testing/hcm-setup.ts';
import { response, testClusters } from '../testing/http-harness.ts';
import { sendAside, type SideRequest, type SideResult } from './side-request.ts';

const REQUEST: SideRequest = {
  method: 'POST',
  path: '/check',
  authority: 'auth',
  scheme: 'http',
  headers: headersOf([['x-one', '1']]),
  body: [],
  timeoutMs: 2000,
  maxBodyBytes: 100,
};

async function setUpAside(t: Parameters<typeof setUp>[0], options: Options) {
  const setup = await setUp(t, options);
  const scope = { clusters: testClusters([setup.cluster]), clock: systemClock };
  const send = (changes: Partial<SideRequest> = {}, name = 'c'): Promise<SideResult> =>
    new Promise((resolve, reject) => {
      let isReturned = false;
      sendAside(name, { ...REQUEST, headers: REQUEST.headers.clone(), ...changes }, scope, (result) => {
        if (isReturned) resolve(result);
        else reject(new Error('told during the call'));
      });
      isReturned = true;
    });
  return { ...setup, scope, send };
}

test('a request and its answer, whole', async (t) => {
  const { send, seen, cluster, proxy } = await setUpAside(t, { answer: () => response(403, 'no', 'x-why: because\r\n') });
  const result = await send({ body: [Buffer.from('wh'), Buffer.from('at')] });
  assert(result.kind === 'answer');
  assert.deepEqual([result.status, result.headers.get('x-why'), String(result.body)], [403, 'because', 'no']);
  assert.match(seen[0] ?? '', /^POST \/check HTTP\/1.1\r\nhost: auth\r\nx-one: 1\r\ncontent-length: 4\r\n\r\nwhat$/);
  assert.equal(counter(proxy, 'cluster.c', 'upstream_rq_403'), 1);
  assert.equal(cluster.limits.requests.value, 0);
});

test('an answer of several pieces, and one too long', async (t) => {
  const { send } = await setUpAside(t, {
    answer: () => 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\nx-t: 1\r\n\r\n',
  });
  const result = await send();
  assert(result.kind === 'answer');
  assert.deepEqual([String(result.body), result.trailers?.get('x-t')], ['abcdef', '1']);
  assert.deepEqual(await send({ maxBodyBytes: 5 }), { kind: 'failure', reason: 'response too long' });
  const dropped = await send({ maxBodyBytes: 0 });
  assert.equal(dropped.kind === 'answer' && dropped.body.length, 0);
});

const FAILURES: readonly (readonly [reason: RegExp, options: Options, changes: Partial<SideRequest>, cluster: string])[] = [
  [/^no cluster$/, {}, {}, 'other'],
  [/^timeout$/, { serve: () => {} }, { timeoutMs: 20 }, 'c'],
  [/^connection termination/, { serve: (socket) => void socket.once('data', () => socket.destroy()) }, {}, 'c'],
  [/^overflow$/, { limits: { maxRequests: 0 } }, {}, 'c'],
  [/^overflow$/, { limits: { maxPendingRequests: 0 } }, {}, 'c'],
];

for (const [reason, options, changes, name] of FAILURES) {
  test(`no answer: ${reason.source} ${JSON.stringify(options)}`, async (t) => {
    const { send, cluster } = await setUpAside(t, options);
    const result = await send(changes, name);
    assert.match(result.kind === 'failure' ? result.reason : 'answered', reason);
    assert.equal(cluster.limits.requests.value, 0);
  });
}

test('one that is cancelled tells nothing and holds nothing', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const { scope, cluster } = await setUpAside(t, {
    serve: (socket) => {
      socket.on('data', () => arrived.resolve());
      socket.on('close', () => gone.resolve());
    },
  });
  const cancel = sendAside('c', REQUEST, scope, () => assert.fail('told'));
  await arrived.promise;
  cancel();
  await gone.promise;
  assert.equal(cluster.limits.requests.value, 0);
});

for (const { name, comes } of [
  { name: 'a cluster that comes when it is asked for', comes: true },
  { name: 'a cluster that does not come', comes: false },
]) {
  test(name, async (t) => {
    const { scope, cluster } = await setUpAside(t, { answer: () => response(200, 'yes') });
    const asked: (readonly [name: string, timeoutMs: number])[] = [];
    const clusters = {
      ...scope.clusters,
      onDemandMs: 5000,
      get: () => undefined,
      request(wanted: string, timeoutMs: number, callback: (found: typeof cluster | undefined) => void) {
        asked.push([wanted, timeoutMs]);
        setImmediate(() => callback(comes ? cluster : undefined));
      },
    };
    const result = await new Promise<SideResult>((resolve) => sendAside('c', REQUEST, { ...scope, clusters }, resolve));
    assert.deepEqual(asked, [['c', 2000]]);
    assert.deepEqual(result.kind === 'answer' ? result.status : result.reason, comes ? 200 : 'no cluster');
  });
}
