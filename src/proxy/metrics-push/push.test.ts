import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { until } from '../../core/testing/eventually.ts';
import { ConfigError } from '../../core/errors.ts';
import { silentLog } from '../../core/log.ts';
import { NodeSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { MetricsService, StreamMetricsMessageSchema } from '../../xds/gen/envoy/service/metrics_service_pb.ts';
import { systemClock } from '../../core/clock.ts';
import { parseBootstrap } from '../config/bootstrap.ts';
import { createStats } from '../telemetry/registry.ts';
import { AdsStream } from './ads-stream.ts';
import { createMetricsPush, type PushOptions } from './push.ts';
import { UnderWay } from './under-way.ts';

/** A server of the metrics service that does with streams what a test wants. */
async function serverAt(socket: string, onStream: (stream: http2.ServerHttp2Stream) => void): Promise<() => Promise<void>> {
  const server = http2.createServer().on('stream', onStream);
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.listen(socket);
  await once(server, 'listening');
  return async () => {
    for (const session of sessions) session.destroy();
    server.close();
    await sleep(1);
  };
}

function streamTo(socket: string, maxWaiting: number, goodbyeMs?: number) {
  const counters = { sent: { value: 0 }, lost: { value: 0 } };
  const stream = new AdsStream({
    ads: { isDelta: true, target: { path: socket }, options: {}, clusterName: 'xds' },
    method: MetricsService.method.streamMetrics,
    identify: (own) => own,
    maxWaiting,
    counters,
    log: silentLog,
    ...(goodbyeMs === undefined ? {} : { goodbyeMs }),
  });
  return { stream, counters };
}

const message = (bytes = 1) => create(StreamMetricsMessageSchema, { envoyMetrics: [new Uint8Array(bytes)] });

test('nobody there: nothing waits, everything is counted as lost', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-push-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { stream, counters } = streamTo(path.join(folder, 'none.sock'), 2);
  stream.send(message());
  await until(() => counters.lost.value === 1);
  stream.send(message());
  await until(() => counters.lost.value === 2);
  await stream.close();
});

test('a server that reads nothing costs a bound of memory; what is over it is lost', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-push-'));
  const socket = path.join(folder, 'x.sock');
  const close = await serverAt(socket, (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
  });
  const { stream, counters } = streamTo(socket, 2);
  t.after(async () => {
    await stream.close();
    await close();
    rmSync(folder, { recursive: true, force: true });
  });
  stream.send(message());
  await until(() => counters.sent.value === 1);
  for (let i = 0; i < 50; i++) {
    stream.send(message(256 * 1024));
    await sleep(1);
  }
  assert.ok(counters.lost.value >= 40, `${counters.lost.value} of 50 lost`);
});

test('a server that refuses is asked again with a later message', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-push-'));
  const socket = path.join(folder, 'x.sock');
  let isRefusing = true;
  let received = 0;
  const close = await serverAt(socket, (stream) => {
    stream.on('error', () => {});
    if (isRefusing) {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16' }, { endStream: true });
      return;
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.on('data', (data: Buffer) => (received += data.length));
  });
  const { stream, counters } = streamTo(socket, 2);
  t.after(async () => {
    await stream.close();
    await close();
    rmSync(folder, { recursive: true, force: true });
  });
  stream.send(message());
  await until(() => counters.lost.value >= 1);
  isRefusing = false;
  await until(() => {
    stream.send(message());
    return received > 0;
  });
});

test('what is sent just before the end arrives, over a stream that is opened for it', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-push-'));
  const socket = path.join(folder, 'x.sock');
  let received = 0;
  const close = await serverAt(socket, (stream) => {
    stream.on('data', (data: Buffer) => (received += data.length));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.on('end', () => stream.end());
  });
  t.after(async () => {
    await close();
    rmSync(folder, { recursive: true, force: true });
  });
  const { stream, counters } = streamTo(socket, 2, 60_000);
  stream.send(message(100));
  await stream.close();
  assert.ok(received > 100, `${received} bytes`);
  assert.deepEqual([counters.sent.value, counters.lost.value], [1, 0]);
});

test('the end of a proxy waits for messages under way to collectors', async () => {
  const counters = { sent: { value: 0 }, lost: { value: 0 } };
  const underWay = new UnderWay(2, { counters, log: silentLog });
  const [first, second, third] = [underWay.begin(), underWay.begin(), underWay.begin()];
  assert.equal(third, undefined);
  let hasEnded = false;
  const end = (async () => {
    await underWay.close();
    hasEnded = true;
  })();
  first?.(true);
  await Promise.resolve();
  assert.equal(hasEnded, false);
  second?.(false);
  await end;
  assert.deepEqual([counters.sent.value, counters.lost.value], [1, 2]);
});

test('a sink that Tulle does not have is refused by name', async () => {
  const typedConfig = { '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct', type_url: 'x', value: {} };
  const bootstrap = parseBootstrap({ stats_sinks: [{ name: 'envoy.stat_sinks.statsd', typed_config: typedConfig }] });
  const stats = createStats();
  const options: PushOptions = {
    bootstrap,
    node: create(NodeSchema),
    version: '',
    ads: undefined,
    pushesSignals: false,
    clusters: { get: () => undefined, request() {}, forEach() {} },
    clock: systemClock,
    stats,
    reader: () => stats,
    refresh: undefined,
    log: silentLog,
  };
  await assert.rejects(
    createMetricsPush(options),
    (error) => error instanceof ConfigError && /envoy\.stat_sinks\.statsd/.test(error.message),
  );
});
