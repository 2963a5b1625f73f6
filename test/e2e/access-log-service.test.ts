/**
 * Entries for an access log service: several messages go on one stream, whose end is the receipt for all of them, and what
 * has none is counted as dropped.
 */
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import { before, beforeEach, test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { until } from '../../src/core/testing/eventually.ts';
import { type StreamAccessLogsMessage, StreamAccessLogsMessageSchema } from '../../src/xds/gen/envoy/service/accesslog/v3/als_pb.ts';
import { cluster, httpListener, httpOptions, serve, startStaticProxy, type StaticProxy, typed, wholeFile } from './static-proxy.ts';

const lifetime = wholeFile();
const WRITTEN = /^access_logs\.grpc_access_log\.logs_written:/;
const DROPPED = /^access_logs\.grpc_access_log\.logs_dropped:/;
/** What a proxy sends on one stream. */
const MESSAGES_OF_A_STREAM = 32;

interface Stream {
  readonly messages: StreamAccessLogsMessage[];
  readonly own: http2.ServerHttp2Stream;
  isEnded: boolean;
}

/** Streams that a service has got, and how it answers when one ends; `answer` undefined: it does not. */
interface Service {
  readonly streams: Stream[];
  answer: ((stream: http2.ServerHttp2Stream) => void) | undefined;
}

const accept = (stream: http2.ServerHttp2Stream): void => {
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.end();
};

/** The messages in `bytes`, and what is no whole one yet. */
function take(bytes: Buffer, messages: StreamAccessLogsMessage[]): Buffer {
  let rest = bytes;
  while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
    const end = 5 + rest.readUInt32BE(1);
    messages.push(fromBinary(StreamAccessLogsMessageSchema, rest.subarray(5, end)));
    rest = rest.subarray(end);
  }
  return rest;
}

const service: Service = { streams: [], answer: accept };
const app = http.createServer({ keepAliveTimeout: 0 }, (_, response) => response.end('ok'));
let ports: { app: number; als: number };

before(async () => {
  const server = http2.createServer();
  server.on('stream', (stream) => {
    const own: Stream = { messages: [], own: stream, isEnded: false };
    service.streams.push(own);
    let rest: Buffer = Buffer.alloc(0);
    stream.on('data', (piece: Buffer) => (rest = take(Buffer.concat([rest, piece]), own.messages)));
    stream.on('end', () => {
      own.isEnded = true;
      if (!stream.headersSent && !stream.destroyed) service.answer?.(stream);
    });
    stream.on('error', () => {});
  });
  ports = { app: await serve(lifetime, app), als: await serve(lifetime, server) };
});

beforeEach(() => {
  service.streams.length = 0;
  service.answer = accept;
});

/** A proxy that sends each entry as a message of its own. */
async function start(timeout: string): Promise<StaticProxy> {
  const config = typed('envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig', {
    common_config: {
      log_name: 'shop',
      grpc_service: { envoy_grpc: { cluster_name: 'als' }, timeout },
      transport_api_version: 'V3',
      buffer_size_bytes: 1,
    },
  });
  const manager = { access_log: [{ name: 'als', typed_config: config }] };
  return startStaticProxy(lifetime, () => ({
    listeners: [httpListener('web', 'app', { manager })],
    clusters: [cluster('app', ports.app), cluster('als', ports.als, httpOptions({ http2_protocol_options: {} }))],
  }));
}

async function ask(proxy: StaticProxy, count: number): Promise<void> {
  const port = await proxy.port('web');
  for (let i = 0; i < count; i++) assert.equal((await fetch(`http://127.0.0.1:${port}/${i}`)).status, 200);
}

const pathsOf = ({ messages }: Stream): string[] =>
  messages
    .flatMap(({ logEntries }) => (logEntries.case === 'httpLogs' ? logEntries.value.logEntry : []))
    .map(({ request }) => request?.path ?? '');

test('a stream takes many messages, of which the first says who sends, and ends for its receipt', async () => {
  const proxy = await start('5s');
  await ask(proxy, MESSAGES_OF_A_STREAM + 8);
  await until(() => service.streams.length === 2 && service.streams[1]?.messages.length === 8);
  const [first, second] = service.streams;
  assert.deepEqual([first?.messages.length, first?.isEnded, second?.isEnded], [MESSAGES_OF_A_STREAM, true, false]);
  for (const { messages } of service.streams) {
    assert.deepEqual(
      messages.map(({ identifier }) => identifier?.logName),
      ['shop', ...messages.slice(1).map(() => undefined)],
    );
  }
  assert.deepEqual(
    service.streams.flatMap(pathsOf),
    Array.from({ length: MESSAGES_OF_A_STREAM + 8 }, (_, i) => `/${i}`),
  );
  // the second ends by itself
  await proxy.untilStat(WRITTEN, MESSAGES_OF_A_STREAM + 8);
  assert.equal(second?.isEnded, true);
  assert.equal(await proxy.stat(DROPPED), 0);
});

test('a proxy that ends has its receipt before', async () => {
  const proxy = await start('5s');
  await ask(proxy, 3);
  await until(() => service.streams[0]?.messages.length === 3);
  const began = performance.now();
  assert.equal(await proxy.end('SIGTERM'), 0);
  assert.equal(service.streams[0]?.isEnded, true);
  assert.ok(performance.now() - began < 4000, 'it did not wait for the stream to end by itself');
});

for (const { name, answer, timeout } of [
  {
    name: 'refuses',
    timeout: '5s',
    answer: (stream: http2.ServerHttp2Stream) => stream.respond({ ':status': 200, 'grpc-status': '7' }, { endStream: true }),
  },
  { name: 'resets', timeout: '5s', answer: (stream: http2.ServerHttp2Stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR) },
  { name: 'never answers', timeout: '0.2s', answer: undefined },
]) {
  test(`entries of a stream that a service ${name} are dropped and counted, and the next go on another`, async () => {
    const proxy = await start(timeout);
    service.answer = answer;
    await ask(proxy, MESSAGES_OF_A_STREAM);
    await proxy.untilStat(DROPPED, MESSAGES_OF_A_STREAM);
    service.answer = accept;
    await ask(proxy, MESSAGES_OF_A_STREAM);
    await proxy.untilStat(WRITTEN, MESSAGES_OF_A_STREAM);
    assert.equal(service.streams.length, 2);
  });
}

test('a service that ends a stream early has taken what came, and the next go on another', async () => {
  const proxy = await start('5s');
  await ask(proxy, 2);
  const [first] = service.streams;
  await until(() => first?.messages.length === 2);
  if (first !== undefined) accept(first.own);
  await proxy.untilStat(WRITTEN, 2);
  await ask(proxy, 1);
  await until(() => service.streams[1]?.messages.length === 1);
  assert.equal(service.streams[1]?.messages[0]?.identifier?.logName, 'shop');
  assert.equal(await proxy.stat(DROPPED), 0);
});
