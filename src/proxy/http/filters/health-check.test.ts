import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { createStats } from '../../telemetry/registry.ts';
import { type FakeStream, fakeInfo, fakeRequest, fakeResponse, fakeStream } from '../../telemetry/testing/fake-stream.ts';
import { testCluster, testClusters } from '../../testing/http-harness.ts';
import { COLLECT, CONTINUE, REPLIED } from '../filter.ts';
import { healthCheck } from './health-check.ts';
import { fieldsOf } from './testing/filter-bench.ts';
import { filterOf, type MadeFilter } from './testing/filter-of.ts';

const IS_CHECK = [{ name: ':path', stringMatch: { exact: '/hc' } }];

interface Given {
  readonly config: JsonObject;
  readonly isFailing?: boolean;
  /** Hosts of the cluster `c`, and how many of them are healthy. */
  readonly hosts?: number;
  readonly healthy?: number;
  readonly nowMs?: () => number;
}

function make({ config, isFailing = false, hosts = 0, healthy = 0, nowMs = () => 0 }: Given): MadeFilter {
  const cluster = testCluster(
    'c',
    Array.from({ length: hosts }, (_, i) => i + 1),
    createStats(),
  );
  for (const host of cluster.hosts.slice(healthy)) host.isHealthy = false;
  return filterOf(
    healthCheck,
    { passThroughMode: false, headers: IS_CHECK, ...config },
    {
      clusters: testClusters([cluster]),
      isFailingHealthChecks: () => isFailing,
      clock: { monotonicMs: nowMs, wallMs: nowMs },
      node: { id: 'n', cluster: 'local', metadata: {} },
    },
  );
}

function streamOf(path = '/hc', status = 200, headers: Record<string, string> = {}): FakeStream {
  return fakeStream({ info: fakeInfo({ request: fakeRequest({ path }) }), response: fakeResponse(status, headers) });
}

const HALF = { clusterMinHealthyPercentages: { c: { value: 50.9 } } };

const ANSWERS: readonly [name: string, given: Given, status: number, details: string, counted: readonly string[]][] = [
  ['nothing is wrong', { config: {} }, 200, 'health_check_ok', ['ok']],
  ['the proxy is said to fail', { config: {}, isFailing: true }, 503, 'health_check_failed', ['failed']],
  ['enough hosts are healthy', { config: HALF, hosts: 4, healthy: 2 }, 200, 'health_check_ok_cluster_healthy', ['ok']],
  [
    'too few hosts are',
    { config: HALF, hosts: 4, healthy: 1 },
    503,
    'health_check_failed_cluster_unhealthy',
    ['failed', 'failed_cluster_unhealthy'],
  ],
  ['there are no hosts', { config: HALF }, 503, 'health_check_failed_cluster_empty', ['failed', 'failed_cluster_empty']],
  ['none are needed', { config: { clusterMinHealthyPercentages: { c: { value: 0 } } } }, 200, 'health_check_ok_cluster_healthy', ['ok']],
  [
    'there is no cluster',
    { config: { clusterMinHealthyPercentages: { d: { value: 0 } } } },
    503,
    'health_check_failed_no_cluster_found',
    ['failed', 'failed_cluster_not_found'],
  ],
];

for (const [name, given, status, details, counted] of ANSWERS) {
  test(`${name}: ${details}`, () => {
    const filter = make(given);
    const stream = streamOf();
    assert.equal(filter.handlers.onRequestHeaders?.(stream, true), REPLIED);
    assert.deepEqual(stream.replies, [{ status, details, ...(status === 200 ? {} : { flag: 'LH' }) }]);
    const names = ['request_total', ...counted].map((each) => [`health_check.${each}`, 1] as const);
    assert.deepEqual(filter.counted(), Object.fromEntries(names));
    assert.equal(stream.info.isHealthCheck, true);
  });
}

test('other requests pass, and say so while the proxy fails', () => {
  const headers = [false, true].map((isFailing) => {
    const filter = make({ config: {}, isFailing });
    const stream = streamOf('/');
    assert.equal(filter.handlers.onRequestHeaders?.(stream, true), CONTINUE);
    filter.handlers.onResponseHeaders?.(stream, true);
    assert.equal(stream.info.isHealthCheck, undefined);
    return fieldsOf(stream.response);
  });
  assert.deepEqual(headers, [{}, { 'x-envoy-immediate-health-check-fail': 'true' }]);
});

test('answers name the local cluster', () => {
  const filter = make({ config: {}, isFailing: true });
  const stream = streamOf();
  filter.handlers.onRequestHeaders?.(stream, true);
  filter.handlers.onResponseHeaders?.(stream, true);
  assert.deepEqual(fieldsOf(stream.response), { 'x-envoy-upstream-healthchecked-cluster': 'local' });
});

test('a check with a body is answered at its end', () => {
  const filter = make({ config: {} });
  const stream = streamOf();
  assert.equal(filter.handlers.onRequestHeaders?.(stream, false), COLLECT);
  assert.deepEqual(stream.replies, []);
  assert.equal(filter.handlers.onRequestBody?.(stream, new Uint8Array(3), true), REPLIED);
  assert.deepEqual(stream.replies, [{ status: 200, details: 'health_check_ok' }]);
});

test('in pass-through mode the upstream answers, and its answer is remembered for a while', () => {
  let nowMs = 0;
  const filter = make({ config: { passThroughMode: true, cacheTime: '5s' }, nowMs: () => nowMs });
  const seen = (
    [
      [0, 503],
      [4999, 200],
      [5000, 200],
      [6000, 200],
    ] as const
  ).map(([at, status]) => {
    nowMs = at;
    const stream = streamOf('/hc', status, status === 503 ? { 'x-envoy-degraded': '' } : {});
    const passed = filter.handlers.onRequestHeaders?.(stream, true) === CONTINUE;
    if (passed) filter.handlers.onResponseHeaders?.(stream, true);
    return passed
      ? 'passed'
      : stream.replies.map((reply) => `${reply.status} ${reply.details} ${reply.flag ?? '-'} ${reply.headers?.join() ?? ''}`).join();
  });
  assert.deepEqual(seen, ['passed', '503 health_check_cached LH x-envoy-degraded,', 'passed', '200 health_check_cached - ']);
  assert.deepEqual(filter.counted(), {
    'health_check.request_total': 2,
    'health_check.failed': 1,
    'health_check.ok': 1,
    'health_check.cached_response': 2,
    'health_check.degraded': 1,
  });
});

test('a proxy that fails answers in pass-through mode too', () => {
  const stream = streamOf();
  assert.equal(make({ config: { passThroughMode: true }, isFailing: true }).handlers.onRequestHeaders?.(stream, true), REPLIED);
});

for (const [config, message] of [
  [{}, /f\.pass_through_mode: is missing/],
  [{ passThroughMode: false, cacheTime: '1s' }, /f\.cache_time: has no use/],
  [{ passThroughMode: true, ...HALF }, /f\.cluster_min_healthy_percentages: has no use/],
] satisfies [JsonObject, RegExp][]) {
  test(`refused: ${JSON.stringify(config)}`, () => assert.throws(() => filterOf(healthCheck, config), message));
}
