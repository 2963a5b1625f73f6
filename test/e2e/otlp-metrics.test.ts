/** Metrics by OTLP to OpenTelemetry's own receivers, over gRPC and HTTP: what they understand is what was sent through. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import { type ReceivedPoint, startCollector } from '../interop/collector.ts';
import { collectorMissing } from '../interop/go-peers.ts';
import { cluster, httpListener, httpOptions, serve, startStaticProxy, typed } from './static-proxy.ts';

const REQUESTS = 20;
const COUNTER = 'cluster.upstream_rq_completed';
const HISTOGRAM = 'http.downstream_rq_time';
const PATIENCE_MS = 120_000;

const sink = (config: JsonObject): JsonObject => ({
  name: 'envoy.stat_sinks.open_telemetry',
  typed_config: typed('envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig', config),
});

async function ask(port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  http.get({ port, agent: false }, (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0))).on('error', reject);
  return promise;
}

/** What all messages of one receiver have told of a metric of the application's cluster or listener, added up. */
function sumOf(points: readonly ReceivedPoint[], receiver: string, name: string): number {
  const own = points.filter((point) => point.receiver === receiver && point.name === name && Object.values(point.labels).includes('app'));
  return own.reduce((sum, { value }) => sum + value, 0);
}

test('receivers of OTLP understand counters, gauges and histograms', { skip: collectorMissing, timeout: 240_000 }, async (t) => {
  const collector = await startCollector();
  t.after(() => collector.stop());
  const app = await serve(
    t,
    http.createServer((_, response) => response.end('ok')),
  );
  const deltas = { report_counters_as_deltas: true, report_histograms_as_deltas: true };
  const proxy = await startStaticProxy(
    t,
    () => ({
      listeners: [httpListener('app', 'app')],
      clusters: [
        cluster('app', app),
        cluster('grpc', Number(collector.grpc.split(':')[1]), httpOptions({ http2_protocol_options: {} })),
        cluster('http', Number(collector.http.split(':')[1])),
      ],
    }),
    {
      more: {
        stats_flush_interval: '0.5s',
        stats_sinks: [
          sink({ grpc_service: { envoy_grpc: { cluster_name: 'grpc' } }, ...deltas }),
          sink({ http_service: { http_uri: { uri: 'http://otel/v1/metrics', cluster: 'http', timeout: '5s' } }, ...deltas }),
        ],
      },
    },
  );
  const port = await proxy.port('app');
  for (let i = 0; i < REQUESTS; i++) assert.equal(await ask(port), 200);
  const isThere = (): boolean =>
    ['grpc', 'http'].every((receiver) => [COUNTER, HISTOGRAM].every((name) => sumOf(collector.points(), receiver, name) >= REQUESTS));
  const untilMs = performance.now() + PATIENCE_MS;
  while (!isThere()) {
    const names = [...new Set(collector.points().map((point) => `${point.receiver} ${point.name}`))];
    assert.ok(performance.now() < untilMs, `not told of: ${names.join(', ')}`);
    await sleep(100);
  }
  for (const receiver of ['grpc', 'http']) {
    const points = collector.points().filter((point) => point.receiver === receiver);
    assert.equal(sumOf(points, receiver, COUNTER), REQUESTS);
    const counter = points.find(({ name }) => name === COUNTER);
    assert.deepEqual([counter?.kind, counter?.temporality], ['sum', 'delta']);
    const histograms = points.filter(({ name, labels }) => name === HISTOGRAM && Object.values(labels).includes('app'));
    const [first] = histograms;
    assert.deepEqual([first?.kind, first?.temporality], ['histogram', 'delta']);
    for (const { value, buckets, bounds } of histograms) {
      assert.equal(buckets.length, bounds.length + 1);
      assert.equal(
        buckets.reduce((sum, count) => sum + count, 0),
        value,
      );
    }
    assert.ok(points.some(({ kind, name }) => kind === 'gauge' && name === 'cluster.membership_total'));
  }
  assert.ok((await proxy.stat(/^stats_sinks\.0\.sent:/)) > 0);
  assert.equal(await proxy.stat(/^stats_sinks\.[01]\.lost:/), 0);
});
