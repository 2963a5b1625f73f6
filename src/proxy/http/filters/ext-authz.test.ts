import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { systemClock } from '../../../core/clock.ts';
import { ApiVersion } from '../../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import { ExtAuthzPerRouteSchema, ExtAuthzSchema } from '../../../xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { createStats, type StatsRegistry } from '../../telemetry/registry.ts';
import { fakeRequest, fakeScope } from '../../telemetry/testing/fake-stream.ts';
import { testCluster, testClusters } from '../../testing/http-harness.ts';
import { loopbackServer } from '../../testing/loopback-server.ts';
import type { FilterScope, HttpFilterHandlers } from '../filter.ts';
import { flagBit } from '../stream-info.ts';
import { changeQuery, isVerdictValid } from './ext-authz/verdict.ts';
import { extAuthz } from './ext-authz.ts';
import { filterBench } from './testing/filter-bench.ts';

type Init = MessageInitShape<typeof ExtAuthzSchema>;

const SERVICE = {
  case: 'httpService',
  value: { serverUri: { uri: 'http://a', httpUpstreamType: { case: 'cluster', value: 'authz' }, timeout: { seconds: 1n, nanos: 0 } } },
} as const;

function filter(scope: FilterScope, init: Init = {}): HttpFilterHandlers {
  return extAuthz.create(extAuthz.parse(create(ExtAuthzSchema, { services: SERVICE, ...init }), 'f'), scope);
}

/** A scope with a service in it that answers with `status`, and a count of what it was asked; 0: never. */
async function serviceScope(t: TestContext, status: number) {
  const asked: string[] = [];
  const port = await loopbackServer(t, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (status !== 0) response.writeHead(status).end();
  });
  const stats: StatsRegistry = createStats();
  const clusters = testClusters([testCluster('authz', [port], stats), testCluster('mine', [1], stats)]);
  const scope = fakeScope({ clusters, clock: systemClock });
  const count = (name: string): number => scope.stats.counter(`ext_authz.${name}`).value;
  const clusterCount = (name: string): number => stats.scope('cluster.mine').counter(`ext_authz.${name}`).value;
  return { scope, asked, count, clusterCount };
}

function bench(handlers: HttpFilterHandlers, perRoute?: unknown) {
  const made = filterBench([handlers], { request: { path: '/p' }, perRoute });
  Object.assign(made.stream, { route: {} });
  made.stream.info.clusterName = 'mine';
  return made;
}

test('counts for the filter, and for the cluster that the request is for', async (t) => {
  const { scope, asked, count, clusterCount } = await serviceScope(t, 200);
  const made = bench(filter(scope));
  await made.request(['body']);
  assert.deepEqual(made.upstream.pieces.join(''), 'body');
  assert.deepEqual([asked, count('ok'), clusterCount('ok')], [['GET /p'], 1, 1]);
});

test('a denial has its flag and details', async (t) => {
  const { scope, clusterCount } = await serviceScope(t, 401);
  const made = bench(filter(scope));
  await made.request();
  const [reply] = made.replies;
  assert.deepEqual([reply?.status, reply?.details, reply?.flag], [401, 'ext_authz_denied', 'UAEX']);
  assert.ok(flagBit('UAEX') !== 0);
  assert.equal(clusterCount('denied'), 1);
});

test('a service that does not answer is an error, which lets nobody pass unless asked to', async () => {
  const closed = bench(filter(fakeScope()));
  await closed.request();
  assert.deepEqual([closed.replies[0]?.status, closed.replies[0]?.details], [403, 'ext_authz_error']);
  const scope = fakeScope();
  const open = bench(filter(scope, { failureModeAllow: true, failureModeAllowHeaderAdd: true, statPrefix: 'waf' }));
  await open.request();
  assert.equal(open.stream.request.headers.get('x-envoy-auth-failure-mode-allowed'), 'true');
  assert.equal(scope.stats.counter('ext_authz.waf.failure_mode_allowed').value, 1);
});

test('a client that leaves takes its question back', async (t) => {
  const { scope, asked, count } = await serviceScope(t, 0);
  const made = bench(filter(scope));
  void made.request();
  while (asked.length === 0) await new Promise((resolve) => void setImmediate(resolve));
  made.complete();
  made.client.isEnd = true;
  await new Promise((resolve) => void setTimeout(resolve, 20));
  assert.deepEqual([count('ok'), count('error'), made.replies], [0, 0, []]);
});

test('routes turn it off, and add to what levels above say', async () => {
  const parse = (init: MessageInitShape<typeof ExtAuthzPerRouteSchema>) => extAuthz.parseRoute?.(create(ExtAuthzPerRouteSchema, init), 'r');
  const settings = (contextExtensions: Record<string, string>) =>
    parse({ override: { case: 'checkSettings', value: { contextExtensions } } });
  const merged = extAuthz.mergeRoute?.(settings({ a: 'host', b: 'host' }), settings({ b: 'route' }));
  assert.deepEqual(merged, settings({ a: 'host', b: 'route' }));
  const made = bench(filter(fakeScope()), parse({ override: { case: 'disabled', value: true } }));
  await made.request();
  assert.deepEqual(made.replies, []);
});

const QUERIES: readonly [path: string, set: readonly (readonly [string, string])[], removed: readonly string[], want: string][] = [
  ['/p', [['a', '1']], [], '/p?a=1'],
  ['/p?b=1&a=2&b=3', [], ['b'], '/p?a=2'],
  ['/p?b', [['a', 'x']], [], '/p?a=x&b='],
  ['/p?b=1', [], ['b'], '/p'],
];
for (const [path, set, removed, want] of QUERIES) {
  test(`query ${path} to ${want}`, () => {
    const head = fakeRequest({ path });
    changeQuery(head, set, removed);
    assert.equal(head.path, want);
  });
}

test('no path makes the query unreadable', () => {
  fc.assert(fc.property(fc.string(), (query) => changeQuery(fakeRequest({ path: `/?${query}` }), [['a', 'b']], ['c'])));
});

test('what cannot stand in a message is found', () => {
  const denied = (name: string, value: string) =>
    isVerdictValid({ kind: 'denied', status: 403, fields: [[name, value]], body: '', metadata: {} });
  assert.deepEqual([denied('a', 'b'), denied('a b', 'c'), denied('a', 'b\r\nc: d'), denied('', 'b')], [true, false, false, false]);
});

const REFUSED: readonly [name: string, init: Init, want: RegExp][] = [
  ['no service', { services: { case: undefined } }, /has neither grpc_service nor http_service/],
  [
    'another client of gRPC',
    { services: { case: 'grpcService', value: { targetSpecifier: { case: 'googleGrpc', value: {} } } } },
    /only envoy_grpc/,
  ],
  ['a body of no length', { withRequestBody: { maxRequestBytes: 0 } }, /with_request_body\.max_request_bytes: is not above 0/],
  [
    'messages of version 2',
    {
      transportApiVersion: ApiVersion.V2,
      services: { case: 'grpcService', value: { targetSpecifier: { case: 'envoyGrpc', value: { clusterName: 'c' } } } },
    },
    /transport_api_version: is V2/,
  ],
  ['an empty list', { allowedHeaders: {} }, /allowed_headers\.patterns: is empty/],
];
for (const [name, init, want] of REFUSED) {
  test(`refuses ${name}`, () => assert.throws(() => extAuthz.parse(create(ExtAuthzSchema, { services: SERVICE, ...init }), 'f'), want));
}
