import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { RateLimitSchema } from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { compileRateLimits } from '../../router/rate-limit-policy.ts';
import type { RouteEntry, RouteRateLimits } from '../../router/route.ts';
import { fakeRoute } from '../../router/testing/routes.ts';
import { type FakeStream, fakeConnection, fakeInfo, fakeRequest, fakeResponse, fakeStream } from '../../telemetry/testing/fake-stream.ts';
import { CONTINUE, REPLIED } from '../filter.ts';
import { localRateLimit } from './local-ratelimit.ts';
import { fieldsOf } from './testing/filter-bench.ts';
import { filterOf, type MadeFilter, routeConfigOf } from './testing/filter-of.ts';

const ALL = { defaultValue: { numerator: 100 } };
const ON = { statPrefix: 'rl', filterEnabled: ALL, filterEnforced: ALL };
const one = { tokenBucket: { maxTokens: 1, fillInterval: '10s' } };

function make(config: JsonObject, nowMs = (): number => 0): MadeFilter {
  return filterOf(localRateLimit, config, { clock: { monotonicMs: nowMs, wallMs: nowMs } });
}

function streamOf(headers: Record<string, string> = {}, more: Parameters<typeof fakeInfo>[0] = {}, perRoute?: unknown): FakeStream {
  return fakeStream({ info: fakeInfo({ request: fakeRequest({ path: '/p' }, headers), ...more }), response: fakeResponse(200), perRoute });
}

test('the second request is one too many', () => {
  const filter = make({ ...ON, ...one, responseHeadersToAdd: [{ header: { key: 'x-path', value: '%REQ(:path)%' } }] });
  const [first, second] = [streamOf(), streamOf()];
  assert.deepEqual(
    [first, second].map((stream) => filter.handlers.onRequestHeaders?.(stream, true)),
    [CONTINUE, REPLIED],
  );
  assert.deepEqual(second.replies, [
    { status: 429, body: 'local_rate_limited', details: 'local_rate_limited', flag: 'RL', headers: [['x-path', '/p']] },
  ]);
  assert.deepEqual(filter.counted(), {
    'rl.http_local_rate_limit.enabled': 2,
    'rl.http_local_rate_limit.ok': 1,
    'rl.http_local_rate_limit.rate_limited': 1,
    'rl.http_local_rate_limit.enforced': 1,
  });
});

test('what is not enforced is marked and passes', () => {
  const filter = make({
    ...ON,
    filterEnforced: { defaultValue: { numerator: 0 } },
    ...one,
    requestHeadersToAddWhenNotEnforced: [{ header: { key: 'x-limited', value: '1' } }],
  });
  const [first, second] = [streamOf(), streamOf()];
  for (const stream of [first, second]) assert.equal(filter.handlers.onRequestHeaders?.(stream, true), CONTINUE);
  assert.deepEqual([fieldsOf(first.request), fieldsOf(second.request)], [{}, { 'x-limited': '1' }]);
  assert.deepEqual(Object.keys(filter.counted()), [
    'rl.http_local_rate_limit.enabled',
    'rl.http_local_rate_limit.ok',
    'rl.http_local_rate_limit.rate_limited',
  ]);
});

test('a filter that is not enabled counts nothing', () => {
  const filter = make({ statPrefix: 'rl', ...one });
  for (let i = 0; i < 3; i++) assert.equal(filter.handlers.onRequestHeaders?.(streamOf(), true), CONTINUE);
  assert.deepEqual(filter.counted(), {});
});

test('responses tell the limit, what is left of it, and when there is more', () => {
  let nowMs = 0;
  const filter = make(
    { ...ON, tokenBucket: { maxTokens: 2, fillInterval: '10s' }, enableXRatelimitHeaders: 'DRAFT_VERSION_03' },
    () => nowMs,
  );
  const told = [0, 0, 3000, 10_000].map((at) => {
    nowMs = at;
    const stream = streamOf();
    filter.handlers.onRequestHeaders?.(stream, true);
    filter.handlers.onResponseHeaders?.(stream, true);
    return Object.values(fieldsOf(stream.response)).join();
  });
  assert.deepEqual(told, ['2,1,0', '2,0,10', '2,0,7', '2,0,10']);
});

test('a refusal has the status that is configured, for gRPC too, and says when to come again', () => {
  const closed = { ...ON, ...one, rateLimitedAsResourceExhausted: true, enableRetryAfterHeader: true };
  const replies = [closed, { ...closed, status: { code: 'ServiceUnavailable' } }, { ...closed, status: { code: 'OK' } }].map((config) => {
    const filter = make(config);
    filter.handlers.onRequestHeaders?.(streamOf(), true);
    const stream = streamOf();
    filter.handlers.onRequestHeaders?.(stream, true);
    const [reply] = stream.replies;
    return [reply?.status, reply?.grpcStatus, reply?.headers];
  });
  assert.deepEqual(replies, [
    [429, 8, [['retry-after', '10']]],
    [503, 8, []],
    [429, 8, [['retry-after', '10']]],
  ]);
});

test('a limit for each connection', () => {
  const filter = make({ ...ON, ...one, localRateLimitPerDownstreamConnection: true });
  const [a, b] = [fakeConnection(), fakeConnection()];
  const statuses = [a, b, a, b].map((connection) => filter.handlers.onRequestHeaders?.(streamOf({}, { connection }), true));
  assert.deepEqual(statuses, [CONTINUE, CONTINUE, REPLIED, REPLIED]);
});

test("a route's limit is its own, in whichever chain", () => {
  const perRoute = routeConfigOf(localRateLimit, { ...ON, ...one, statPrefix: 'route' });
  const [here, there] = [make({ statPrefix: 'rl' }), make({ statPrefix: 'rl' })];
  assert.equal(here.handlers.onRequestHeaders?.(streamOf({}, {}, perRoute), true), CONTINUE);
  assert.equal(there.handlers.onRequestHeaders?.(streamOf({}, {}, perRoute), true), REPLIED);
  assert.equal(here.handlers.onRequestHeaders?.(streamOf(), true), CONTINUE);
  assert.equal(there.counted()['route.http_local_rate_limit.rate_limited'], 1);
});

/** Limits of routes: `u` is the header `x-u`, of the route or of its virtual host. */
const BY_USER: JsonObject = { actions: [{ requestHeaders: { headerName: 'x-u', descriptorKey: 'u' } }] };

function routeWith(limits: { route?: JsonObject; host?: JsonObject; includes?: boolean }): RouteEntry {
  const compile = (policy: JsonObject | undefined) =>
    compileRateLimits(policy === undefined ? [] : [fromJson(RateLimitSchema, policy)], 'l');
  const rateLimits: RouteRateLimits = {
    ofRoute: compile(limits.route),
    ofVirtualHost: compile(limits.host),
    includesVirtualHost: limits.includes ?? false,
  };
  return fakeRoute({ rateLimits });
}

const OTHER: JsonObject = { actions: [{ genericKey: { descriptorValue: 'x' } }] };

const SOURCES: readonly [name: string, config: JsonObject, route: RouteEntry, isLimited: boolean][] = [
  ["the route's policies", {}, routeWith({ route: BY_USER }), true],
  ["the virtual host's where the route has none", {}, routeWith({ host: BY_USER }), true],
  ['not where it has', {}, routeWith({ route: OTHER, host: BY_USER }), false],
  ['but where they are included by the route', {}, routeWith({ route: OTHER, host: BY_USER, includes: true }), true],
  ['or by the filter', { vhRateLimits: 'INCLUDE' }, routeWith({ route: OTHER, host: BY_USER }), true],
  ['never where they are ignored', { vhRateLimits: 'IGNORE' }, routeWith({ host: BY_USER }), false],
  ['those of its stage', { stage: 1 }, routeWith({ route: { ...BY_USER, stage: 1 } }), true],
  ['not of another', { stage: 2 }, routeWith({ route: { ...BY_USER, stage: 1 } }), false],
  ['none that can be disabled', {}, routeWith({ route: { ...BY_USER, disableKey: 'k' } }), false],
  ["the filter's own in place of all", { rateLimits: [BY_USER] }, routeWith({ route: OTHER }), true],
];

for (const [name, config, route, isLimited] of SOURCES) {
  test(`descriptors come of ${name}`, () => {
    const descriptors = [{ entries: [{ key: 'u', value: 'bob' }], tokenBucket: { maxTokens: 0, fillInterval: '1s' } }];
    const filter = make({ ...ON, tokenBucket: { maxTokens: 9, fillInterval: '1s' }, descriptors, ...config });
    const stream = { ...streamOf({ 'x-u': 'bob' }), route };
    assert.equal(filter.handlers.onRequestHeaders?.(stream, true), isLimited ? REPLIED : CONTINUE);
  });
}

for (const [config, message] of [
  [{ ...one }, /f\.stat_prefix: is empty/],
  [{ statPrefix: 'a', stage: 11 }, /f\.stage: 11 is more than 10/],
  [{ statPrefix: 'a', rateLimits: [{}] }, /f\.rate_limits\[0\]\.actions: is empty/],
] satisfies [JsonObject, RegExp][]) {
  test(`refused: ${JSON.stringify(config)}`, () => assert.throws(() => make(config), message));
}

test('a route must have a bucket', () => {
  assert.throws(() => routeConfigOf(localRateLimit, { statPrefix: 'a' }), /r\.token_bucket: is missing/);
});
