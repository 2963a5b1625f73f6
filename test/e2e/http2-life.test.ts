/** How HTTP/2 connections of clients end when nothing is wrong: the proxy says so first, and what runs is finished. */
import assert from 'node:assert/strict';
import { before, describe, test, type TestContext } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { until } from '../../src/core/testing/eventually.ts';
import { startHttpOrigin } from './http-origin.ts';
import { data, headers } from '../differential/framework/h2-frames.ts';
import { get, head, RawHttp2 } from './raw-http2.ts';
import { cluster, httpListener, startStaticProxy, type StaticProxy, wholeFile } from './static-proxy.ts';

const LISTENERS: Readonly<Record<string, JsonObject>> = {
  aged: { common_http_protocol_options: { max_connection_duration: '0.3s' } },
  counted: { common_http_protocol_options: { max_requests_per_connection: 3 } },
  idle: { common_http_protocol_options: { idle_timeout: '0.2s' } },
  watched: { http2_protocol_options: { connection_keepalive: { interval: '0.1s', timeout: '0.2s' } } },
};

const DRAIN: JsonObject = { drain_timeout: '0.2s' };

async function start(t: Parameters<typeof startStaticProxy>[0], drainTimeS = 0): Promise<StaticProxy> {
  const origin = await startHttpOrigin(t, 'h1', undefined);
  return await startStaticProxy(
    t,
    () => ({
      listeners: Object.entries(LISTENERS).map(([name, manager]) => httpListener(name, 'origin', { manager: { ...DRAIN, ...manager } })),
      clusters: [cluster('origin', origin.port)],
    }),
    { drainTimeS },
  );
}

/** A connection with a request that has been answered. */
async function connected(proxy: StaticProxy, listener: string): Promise<RawHttp2> {
  const client = await RawHttp2.connect(await proxy.port(listener));
  client.send(get(1, '/echo'));
  await until(() => client.ended.has(1));
  return client;
}

/** Begins a request whose end is up to the test. */
const begin = (client: RawHttp2, stream: number): void => client.send(headers(stream, head('POST', '/echo'), false));

/** Ends it, and waits for its answer and for the end of the connection. */
async function finish(client: RawHttp2, stream: number): Promise<void> {
  client.send(data(stream, 'the rest', true));
  await until(() => client.ended.has(stream));
  assert.equal(client.statuses.get(stream), '200');
  await client.closed();
  assert.equal(client.goAway, 'NO_ERROR');
  client.destroy();
}

describe('limits of a connection', () => {
  const lifetime = wholeFile();
  let proxy: StaticProxy;
  before(async () => {
    proxy = await start(lifetime);
  });

  test('max_connection_duration: what runs is finished', async () => {
    const client = await connected(proxy, 'aged');
    begin(client, 3);
    await until(() => client.goAway !== '');
    assert.equal(client.goAwayStream, 2 ** 31 - 1, 'streams that are on their way are taken still');
    begin(client, 5);
    await until(() => client.goAwayStream === 5);
    client.send(data(5, '', true));
    await finish(client, 3);
    assert.equal(client.statuses.get(5), '200');
  });

  test('max_requests_per_connection', async () => {
    const client = await connected(proxy, 'counted');
    client.send(get(3, '/echo'));
    assert.ok(await client.ping());
    assert.equal(client.goAway, '');
    begin(client, 5);
    await until(() => client.goAway !== '');
    await finish(client, 5);
  });

  test('idle_timeout: not while a request runs', async () => {
    const client = await connected(proxy, 'idle');
    begin(client, 3);
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.equal(client.goAway, '');
    await finish(client, 3);
  });

  test('connection_keepalive: a client that gives no sign of life is left', async () => {
    const client = await connected(proxy, 'watched');
    client.isDumb = true;
    await client.closed();
    await proxy.untilStat(/^http2\.keepalive_timeout:/, 1);
    client.destroy();
  });
});

describe('SIGTERM', () => {
  test('says GOAWAY to idle connections and busy ones, takes what is on its way, and ends when all have left', async (t: TestContext) => {
    const proxy = await start(t, 15);
    const [idle, busy] = [await connected(proxy, 'counted'), await connected(proxy, 'idle')];
    begin(busy, 3);
    await busy.ping();
    const exit = proxy.end('SIGTERM');
    await until(() => idle.goAway !== '' && busy.goAway !== '');
    await idle.closed();
    idle.destroy();
    await finish(busy, 3);
    assert.equal(await exit, 0);
  });
});
