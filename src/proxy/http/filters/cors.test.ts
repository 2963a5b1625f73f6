import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import type { RouteEntry } from '../../router/route.ts';
import { tableOf } from '../../router/testing/routes.ts';
import { fakeInfo, fakeRequest, fakeResponse, fakeStream } from '../../telemetry/testing/fake-stream.ts';
import { CONTINUE } from '../filter.ts';
import { cors } from './cors.ts';
import { fieldsOf } from './testing/filter-bench.ts';
import { filterOf, routeConfigOf } from './testing/filter-of.ts';

const OK = 'http://ok';
const POLICY = { allowOriginStringMatch: [{ exact: OK }], allowMethods: 'GET', allowHeaders: 'x-h', maxAge: '5', exposeHeaders: 'x-e' };
const EVERY = { allowOriginStringMatch: [{ exact: '*' }], allowMethods: '*', allowHeaders: '*' };
const NONE = { defaultValue: { numerator: 0 } };
const ALL = { defaultValue: { numerator: 100 } };
const PREFLIGHT = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a' };

function routeTo(action: JsonObject): RouteEntry | undefined {
  const table = tableOf({ virtual_hosts: [{ name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, ...action }] }] });
  return table.match(fakeRequest(), 0, fakeInfo());
}
const CLUSTER = routeTo({ route: { cluster: 'c' } });

/** What a request is answered: the fields of the proxy's own answer, and what every response gets. */
function answer(policy: JsonObject, method: string, headers: Record<string, string>, above?: JsonObject, route = CLUSTER) {
  const filter = filterOf(cors, {});
  const own = routeConfigOf(cors, policy);
  const perRoute = above === undefined ? own : cors.mergeRoute?.(routeConfigOf(cors, above), own);
  const stream = {
    ...fakeStream({ info: fakeInfo({ request: fakeRequest({ method }, headers) }), response: fakeResponse(200), perRoute }),
    route,
  };
  const status = filter.handlers.onRequestHeaders?.(stream, true);
  filter.handlers.onResponseHeaders?.(stream, true);
  const [reply] = stream.replies;
  const told = Object.fromEntries(
    [...Object.entries(fieldsOf(stream.response)), ...(reply?.headers ?? [])].map(([name, value]) => [
      name.replace('access-control-', ''),
      value,
    ]),
  );
  return { by: status === CONTINUE ? 'upstream' : 'proxy', told, counted: Object.keys(filter.counted()).join() };
}

const CASES: readonly [name: string, got: ReturnType<typeof answer>, want: ReturnType<typeof answer>][] = [
  ['no origin', answer(POLICY, 'GET', {}), { by: 'upstream', told: {}, counted: '' }],
  [
    'an origin that is allowed',
    answer({ ...POLICY, allowCredentials: true }, 'GET', { origin: OK }),
    { by: 'upstream', told: { 'allow-origin': OK, 'allow-credentials': 'true', 'expose-headers': 'x-e' }, counted: 'cors.origin_valid' },
  ],
  ['one that is not', answer(POLICY, 'GET', { origin: 'http://bad' }), { by: 'upstream', told: {}, counted: 'cors.origin_invalid' }],
  [
    'OPTIONS that is no preflight',
    answer(POLICY, 'OPTIONS', { origin: OK }),
    { by: 'upstream', told: { 'allow-origin': OK, 'expose-headers': 'x-e' }, counted: 'cors.origin_valid' },
  ],
  [
    'a preflight',
    answer(POLICY, 'OPTIONS', { origin: OK, ...PREFLIGHT }),
    {
      by: 'proxy',
      told: { 'allow-origin': OK, 'expose-headers': 'x-e', 'allow-methods': 'GET', 'allow-headers': 'x-h', 'max-age': '5' },
      counted: 'cors.origin_valid',
    },
  ],
  [
    'a preflight where everything is allowed',
    answer(EVERY, 'OPTIONS', { origin: 'http://any', ...PREFLIGHT }),
    { by: 'proxy', told: { 'allow-origin': 'http://any', 'allow-methods': 'PUT', 'allow-headers': 'x-a' }, counted: 'cors.origin_valid' },
  ],
  [
    'a preflight of a private network',
    answer({ ...EVERY, allowHeaders: '', allowPrivateNetworkAccess: true }, 'OPTIONS', {
      origin: OK,
      ...PREFLIGHT,
      'access-control-request-private-network': 'true',
    }),
    { by: 'proxy', told: { 'allow-origin': OK, 'allow-methods': 'PUT', 'allow-private-network': 'true' }, counted: 'cors.origin_valid' },
  ],
  [
    'a preflight of another origin goes on',
    answer(POLICY, 'OPTIONS', { origin: 'http://bad', ...PREFLIGHT }),
    { by: 'upstream', told: {}, counted: 'cors.origin_invalid' },
  ],
  [
    'unless it is not to',
    answer({ ...POLICY, forwardNotMatchingPreflights: false }, 'OPTIONS', { origin: 'http://bad', ...PREFLIGHT }),
    { by: 'proxy', told: { 'allow-methods': 'GET', 'allow-headers': 'x-h', 'max-age': '5' }, counted: 'cors.origin_invalid' },
  ],
  [
    'a policy that is only counted',
    answer({ ...POLICY, filterEnabled: NONE, shadowEnabled: ALL }, 'OPTIONS', { origin: OK, ...PREFLIGHT }),
    { by: 'upstream', told: {}, counted: 'cors.origin_valid' },
  ],
  ['a policy that is off', answer({ ...POLICY, filterEnabled: NONE }, 'GET', { origin: OK }), { by: 'upstream', told: {}, counted: '' }],
  [
    'what a level does not say is said by the level above it',
    answer({ allowMethods: 'PUT' }, 'OPTIONS', { origin: OK, ...PREFLIGHT }, POLICY),
    {
      by: 'proxy',
      told: { 'allow-origin': OK, 'expose-headers': 'x-e', 'allow-methods': 'PUT', 'allow-headers': 'x-h', 'max-age': '5' },
      counted: 'cors.origin_valid',
    },
  ],
  ['but not whether it is on', answer({ filterEnabled: NONE }, 'GET', { origin: OK }, POLICY), { by: 'upstream', told: {}, counted: '' }],
  [
    'a route that leads to no cluster',
    answer(POLICY, 'GET', { origin: OK }, undefined, routeTo({ direct_response: { status: 200 } })),
    { by: 'upstream', told: {}, counted: '' },
  ],
];

for (const [name, got, want] of CASES) test(name, () => assert.deepEqual(got, want));
