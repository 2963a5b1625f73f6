/** The dashboard's queries on a real Prometheus, which scrapes counters that go up evenly. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { portOf } from '../../src/net/testing/port-of.ts';
import { historyFrom } from '../../src/control/dashboard/prometheus/history.ts';
import type { SignalGrouping, SignalKey, SignalSeries } from '../../src/model/signals.ts';
import { prometheusMissing, PrometheusProcess } from './prometheus-process.ts';

const EDGE =
  'source_workload_namespace="shop",source_workload="web",destination_workload_namespace="shop",destination_workload="pay",destination_service="pay.shop"';

/** What a proxy would tell after `count` requests at each side: a quarter fails, a tenth is denied, half takes at most 5 ms. */
function metricsText(count: number): string {
  const sides = ['source', 'destination'].flatMap((reporter) => {
    const labels = `reporter="${reporter}",${EDGE}`;
    return [
      `istio_requests_total{${labels},response_code="200",grpc_response_status=""} ${count * 3}`,
      `istio_requests_total{${labels},response_code="503",grpc_response_status=""} ${count}`,
      `istio_request_duration_milliseconds_bucket{${labels},le="5"} ${count * 2}`,
      `istio_request_duration_milliseconds_bucket{${labels},le="+Inf"} ${count * 4}`,
      `istio_request_bytes_sum{${labels}} ${count * 100}`,
      `istio_response_bytes_sum{${labels}} ${count * 300}`,
    ];
  });
  return `${sides.join('\n')}\ntulle_denied_total{reporter="destination",${EDGE},reason="rbac"} ${count * 0.4}\n`;
}

const CASES: readonly (readonly [SignalGrouping, SignalKey])[] = [
  ['edge', { source: 'shop/web', destination: 'shop/pay' }],
  ['workload', { destination: 'shop/pay' }],
  ['service', { service: 'pay.shop' }],
];

function newest({ failureRatio, deniedRatio, p50Ms, requestsPerSecond, bytesPerSecond }: SignalSeries): readonly number[] {
  const [requests = 0, bytes = 0] = [requestsPerSecond.at(-1), bytesPerSecond.at(-1)];
  return [failureRatio.at(-1) ?? 0, deniedRatio.at(-1) ?? 0, p50Ms.at(-1) ?? 0, requests === 0 ? 0 : bytes / requests];
}

test('every row has its past in Prometheus', { skip: prometheusMissing }, async (t) => {
  let count = 0;
  const target = http.createServer({ keepAliveTimeout: 0 }, (_, response) => {
    count += 100;
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(metricsText(count));
  });
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
  t.after(() => target.close());
  const port = portOf(target);
  const config = `scrape_configs: [{ job_name: mesh, scrape_interval: 500ms, static_configs: [{ targets: ["127.0.0.1:${port}"] }] }]`;
  const prometheus = await PrometheusProcess.start(config);
  t.after(() => prometheus.stop());
  for (const [by, key] of CASES) {
    const question = { by, key, text: by, stepMs: 1_000, windowMs: 10_000 };
    const until = performance.now() + 120_000;
    // scrapes come as the machine lets them: what is asked for is what they come to when they are regular
    const want = [0.25, 0.1, 5, 100];
    let seen: readonly number[] = [];
    do {
      await sleep(200);
      const exact = await historyFrom(prometheus.url, question, Date.now()).then(newest, () => []);
      seen = exact.map((value) => Math.round(value * 1000) / 1000);
    } while (!isDeepStrictEqual(seen, want) && performance.now() < until);
    assert.deepEqual(seen, want, by);
  }
  const nobody = await historyFrom(
    prometheus.url,
    { by: 'service', key: { service: 'no"body' }, text: '', stepMs: 1_000, windowMs: 10_000 },
    Date.now(),
  );
  assert.ok(nobody.requestsPerSecond.every((value) => value === 0));
});
