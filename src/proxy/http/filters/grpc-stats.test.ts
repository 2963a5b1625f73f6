import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { headersOf } from '../../../wire/http/headers.ts';
import { createStats } from '../../telemetry/registry.ts';
import { fakeInfo, fakeRequest, fakeResponse, fakeStream } from '../../telemetry/testing/fake-stream.ts';
import { testCluster, testClusters } from '../../testing/http-harness.ts';
import { grpcStats } from './grpc-stats.ts';
import { countedIn, filterOf } from './testing/filter-of.ts';

const GRPC = { 'content-type': 'application/grpc' };
const TWO = Buffer.from([0, 0, 0, 0, 1, 0xff, 0, 0, 0, 0, 0]);

interface Call {
  readonly path?: string;
  readonly type?: string;
  readonly cluster?: string;
  /** Where the status stands; '' for nowhere. */
  readonly status?: string;
  readonly isTrailersOnly?: boolean;
}

/** Counts under the cluster, and the filter state, after one call with two messages up and two down. */
function countCall(
  config: JsonObject,
  { path = '/a.B/C', type = GRPC['content-type'], cluster = 'c', status = '0', isTrailersOnly = false }: Call,
) {
  const stats = createStats();
  const { handlers } = filterOf(grpcStats, config, { clusters: testClusters([testCluster('c', [], stats)]) });
  const request = fakeRequest({ path, method: 'POST' }, { 'content-type': type });
  const response = fakeResponse(200, { ...GRPC, ...(isTrailersOnly ? { 'grpc-status': status } : {}) });
  const stream = fakeStream({ info: fakeInfo({ request, clusterName: cluster }), response });
  handlers.onRequestHeaders?.(stream, false);
  for (const piece of [TWO.subarray(0, 3), TWO.subarray(3)]) handlers.onRequestData?.(stream, piece);
  handlers.onResponseHeaders?.(stream, isTrailersOnly);
  if (!isTrailersOnly) {
    handlers.onResponseData?.(stream, TWO);
    if (status !== '') stream.responseTrailers = headersOf([['grpc-status', status]]);
    handlers.onResponseEnd?.(stream);
  }
  const counted = Object.fromEntries(Object.entries(countedIn(stats)).map(([name, count]) => [name.replace('cluster.c.grpc.', ''), count]));
  return { counted, state: stream.info.filterState?.get('envoy.filters.http.grpc_stats') };
}

const MESSAGES = { request_message_count: 2, response_message_count: 2 };
const under = (prefix: string, counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).map(([name, count]) => [`${prefix}.${name}`, count]));
const LISTED = { individualMethodStatsAllowlist: { services: [{ name: 'a.B', methodNames: ['C'] }] } };

const CASES: readonly [name: string, config: JsonObject, call: Call, counted: Record<string, number>][] = [
  ['all methods as one', {}, {}, { ...MESSAGES, '0': 1, success: 1, total: 1 }],
  ['every method by name', { statsForAllMethods: true }, {}, under('a.B.C', { ...MESSAGES, '0': 1, success: 1, total: 1 })],
  [
    'dots',
    { statsForAllMethods: true, replaceDotsInGrpcServiceName: true },
    {},
    under('a_B.C', { ...MESSAGES, '0': 1, success: 1, total: 1 }),
  ],
  ['listed methods by name', LISTED, {}, under('a.B.C', { ...MESSAGES, '0': 1, success: 1, total: 1 })],
  ['others as one', LISTED, { path: '/a.B/D' }, { ...MESSAGES, '0': 1, success: 1, total: 1 }],
  ['a failure', {}, { status: '7' }, { ...MESSAGES, '7': 1, failure: 1, total: 1 }],
  ['a status that is none', {}, { status: 'x'.repeat(99) }, { ...MESSAGES, failure: 1, total: 1 }],
  ['a response of trailers alone', {}, { status: '5', isTrailersOnly: true }, { request_message_count: 2, '5': 1, failure: 1, total: 1 }],
  ['no status', {}, { status: '' }, MESSAGES],
  ['a path with a query', { statsForAllMethods: true }, { path: '/a.B/C?d', status: '' }, under('a.B.C', MESSAGES)],
  ['a path that names no method', {}, { path: '/a.B/C/D' }, {}],
  ['what is no gRPC', {}, { type: 'application/grpc-web' }, {}],
  ['a variant of gRPC', {}, { type: 'application/grpc+json', status: '' }, MESSAGES],
  ['no cluster', {}, { cluster: 'd' }, {}],
];

for (const [name, config, call, counted] of CASES) test(`counts ${name}`, () => assert.deepEqual(countCall(config, call).counted, counted));

test('messages of both ways stand in the filter state where that is asked for', () => {
  assert.equal(countCall({}, {}).state, undefined);
  assert.equal(countCall({ emitFilterState: true }, {}).state, '2,2');
  assert.equal(countCall({ emitFilterState: true }, { cluster: 'd' }).state, '2,2');
  assert.equal(countCall({ emitFilterState: true }, { type: 'text/plain' }).state, '0,2');
});

test('refused', () => {
  const list = (services: JsonObject[]) => () => filterOf(grpcStats, { individualMethodStatsAllowlist: { services } });
  assert.throws(list([{ methodNames: ['a'] }]), /services\[0\]\.name: is empty/);
  assert.throws(list([{ name: 'a' }]), /services\[0\]\.method_names: is empty/);
});
