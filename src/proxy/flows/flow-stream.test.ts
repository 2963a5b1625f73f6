/** Flow records on their way to a server, over a real socket. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, fromBinary } from '@bufbuild/protobuf';
import { systemClock } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { until } from '../../core/testing/eventually.ts';
import { serveGrpc } from '../../net/grpc-server.ts';
import { HTTPAccessLogEntrySchema } from '../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import { type StreamAccessLogsMessage, StreamAccessLogsMessageSchema } from '../../xds/gen/envoy/service/accesslog/v3/als_pb.ts';
import { createStats } from '../telemetry/registry.ts';
import { timersOf } from '../timers.ts';
import { FlowStream } from './flow-stream.ts';

const METHOD = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';

async function setUp(t: TestContext, openMs = 60_000) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tulle-'));
  const socket = path.join(folder, 's');
  const stats = createStats();
  const tokens: (string | undefined)[] = [];
  const messages: StreamAccessLogsMessage[] = [];
  const events = new EventEmitter();
  const stream = new FlowStream({
    ads: { isDelta: true, target: { path: socket }, options: { token: () => 'mine' }, clusterName: 'xds' },
    node: { id: 'me', cluster: 'c', metadata: { NAMESPACE: 'shop', WORKLOAD_NAME: 'web', LABELS: { a: 'b' } } },
    timers: timersOf(systemClock),
    log: { ...silentLog, debug: () => void events.emit('failure') },
    sent: stats.counter('sent'),
    lost: stats.counter('lost'),
    goodbyeMs: 60_000,
    openMs,
  });
  const serve = async (): Promise<void> => {
    const method = ({ token }: { readonly token: string | undefined }) => {
      tokens.push(token);
      const receive = (bytes: Buffer): void => {
        messages.push(fromBinary(StreamAccessLogsMessageSchema, bytes));
        events.emit('message');
      };
      return { receive, close: () => undefined };
    };
    const server = await serveGrpc({ path: socket }, () => undefined, silentLog, new Map([[METHOD, method]]));
    t.after(() => server.close());
  };
  t.after(async () => {
    await stream.close();
    await rm(folder, { recursive: true, force: true });
  });
  const add = (...ids: readonly string[]): void =>
    ids.forEach((requestId) => stream.addHttp(create(HTTPAccessLogEntrySchema, { request: { requestId } })));
  const idsOf = ({ logEntries }: StreamAccessLogsMessage): string[] =>
    logEntries.case === 'httpLogs' ? logEntries.value.logEntry.map(({ request }) => request?.requestId ?? '') : [];
  return {
    socket,
    stream,
    stats,
    serve,
    add,
    idsOf,
    messages,
    tokens,
    next: () => once(events, 'message'),
    failure: () => once(events, 'failure'),
  };
}

test('the first message says who sends; entries of a moment go together', async (t) => {
  const { stream, serve, add, idsOf, messages, tokens, next } = await setUp(t);
  stream.isTapped = true;
  await serve();
  add('a', 'b');
  await next();
  add('c');
  await next();
  const [first, second] = messages;
  assert.ok(first && second);
  assert.deepEqual([idsOf(first), idsOf(second)], [['a', 'b'], ['c']]);
  assert.equal(first.identifier?.logName, 'tulle.flows');
  assert.deepEqual(first.identifier?.node?.metadata, { NAMESPACE: 'shop', WORKLOAD_NAME: 'web' });
  assert.equal(second.identifier, undefined);
  assert.deepEqual(tokens, ['mine']);
});

test('while nobody takes them they wait, a bounded number; what is lost is told', async (t) => {
  const { stream, stats, serve, add, idsOf, messages, next } = await setUp(t);
  stream.isTapped = true;
  add(...Array.from({ length: 2100 }, (_, i) => `${i}`));
  assert.equal(stats.counter('lost').value, 100);
  // it may come before the server is known to serve
  const coming = next();
  await serve();
  await coming;
  const [first] = messages;
  assert.ok(first);
  assert.deepEqual([idsOf(first).length, idsOf(first)[0]], [2000, '0']);
  assert.deepEqual(first.identifier?.node?.metadata?.['TULLE'], { lostFlows: 100 });
  assert.equal(stats.counter('sent').value, 2000);
});

test('what a stream that fails had not sent goes with the next one, and is counted once', async (t) => {
  const { stream, stats, serve, add, idsOf, messages, next, failure } = await setUp(t);
  stream.isTapped = true;
  const failing = failure();
  add('a');
  await failing;
  const coming = next();
  await serve();
  await coming;
  assert.deepEqual(messages.map(idsOf), [['a']]);
  assert.deepEqual([stats.counter('sent').value, stats.counter('lost').value], [1, 0]);
});

test('what waits is sent before the end', async (t) => {
  const { stream, serve, add, messages, next } = await setUp(t);
  stream.isTapped = true;
  await serve();
  add('a');
  await next();
  stream.isTapped = false;
  add('b');
  await stream.close();
  assert.equal(messages.length, 2);
});

test('a proxy that ends before its first flows were due sends them, over a stream that is opened for them', async (t) => {
  const { stream, stats, serve, add, idsOf, messages } = await setUp(t);
  await serve();
  add('a', 'b');
  await stream.close();
  assert.deepEqual(messages.map(idsOf), [['a', 'b']]);
  assert.deepEqual([stats.counter('sent').value, stats.counter('lost').value], [2, 0]);
});

test('what nobody takes at the end is counted', async (t) => {
  const { stream, stats, add } = await setUp(t);
  add('a', 'b');
  await stream.close();
  assert.equal(stats.counter('lost').value, 2);
});

test('a stream gives way to the next, each says who sends, and what has a receipt is not lost with what follows', async (t) => {
  const { stream, stats, serve, add, idsOf, messages, next } = await setUp(t, 20);
  stream.isTapped = true;
  await serve();
  for (const id of ['a', 'b', 'c']) {
    add(id);
    await next();
    // longer than a stream is open
    await sleep(60);
  }
  assert.deepEqual(messages.map(idsOf), [['a'], ['b'], ['c']]);
  assert.deepEqual(
    messages.map(({ identifier }) => identifier?.node?.id),
    ['me', 'me', 'me'],
  );
  await stream.close();
  assert.deepEqual([stats.counter('sent').value, stats.counter('lost').value], [3, 0]);
});

test('what was sent to a server that goes silent is lost: it has said nothing of it', async (t) => {
  const { socket, stream, stats, add, failure } = await setUp(t);
  const sockets: net.Socket[] = [];
  const server = net.createServer((each) => {
    sockets.push(each.on('error', () => undefined).resume());
    // an HTTP/2 frame of settings without any
    each.once('data', () => each.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])));
  });
  await once(server.listen(socket), 'listening');
  t.after(() => server.close());
  stream.isTapped = true;
  add('a', 'b');
  await until(() => stats.counter('sent').value === 2);
  add('c');
  await until(() => stats.counter('sent').value === 3);
  const failing = failure();
  // what is under way by then has left the proxy
  await sleep(50);
  for (const each of sockets) each.destroy();
  await failing;
  await until(() => stats.counter('lost').value > 0);
  server.close();
  await stream.close();
  assert.deepEqual([stats.counter('sent').value, stats.counter('lost').value], [3, 3]);
});
