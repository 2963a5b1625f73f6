import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { loadRe2 } from '../../core/re2.ts';
import { RBACSchema } from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { typeRegistry } from '../../xds/type-registry.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import type { RouteEntry } from '../router/route.ts';
import { fakeRoute } from '../router/testing/routes.ts';
import { fakeConnection, fakeInfo, fakeRequest, fakeTls } from '../telemetry/testing/fake-stream.ts';
import type { AuthzInput } from './condition.ts';
import { compileEngine } from './engine.ts';

await loadRe2();

function withMetadata(value: string): RouteEntry {
  return fakeRoute({ metadata: { x: { k: value } } });
}

const FRONT = 'spiffe://cluster.local/ns/shop/sa/front';
const ANY = { any: true };

function engine(action: string, policies: JsonObject): ReturnType<typeof compileEngine> {
  return compileEngine(fromJson(RBACSchema, { action, policies }), 'rules');
}

function input(connection: Partial<DownstreamConnection>, request = fakeRequest(), info: Partial<StreamInfo> = {}): AuthzInput {
  const of = fakeConnection(connection);
  return { connection: of, request, info: fakeInfo({ connection: of, request, ...info }) };
}

const asFront = { tls: fakeTls(FRONT) };
const isFront = { authenticated: { principalName: { exact: FRONT } } };

const LEFT_BY_LISTENER: JsonObject = { metadata: { filter: 'lb', path: [{ key: 'zone' }], value: { stringMatch: { exact: 'a' } } } };

const PERMISSIONS: readonly [permission: JsonObject, input: AuthzInput, holds: boolean][] = [
  [ANY, input({}), true],
  [{ any: false }, input({}), false],
  [{ header: { name: ':method', stringMatch: { exact: 'GET' } } }, input({}), true],
  [{ header: { name: 'x-a', presentMatch: true } }, input({}), false],
  [{ header: { name: ':authority', stringMatch: { exact: 'CART', ignoreCase: true } } }, input({}), true],
  [{ urlPath: { path: { exact: '/a' } } }, input({}, fakeRequest({ path: '/a?x=/b#c' })), true],
  [{ urlPath: { path: { prefix: '/a/' } } }, input({}, fakeRequest({ path: '/a' })), false],
  [{ urlPath: { path: { safeRegex: { regex: '/v[0-9]+' } } } }, input({}, fakeRequest({ path: '/v1/x' })), false],
  [{ destinationPort: 8080 }, input({}), true],
  [{ destinationPortRange: { start: 8000, end: 8080 } }, input({}), false],
  [{ destinationPortRange: { start: 8080, end: 8081 } }, input({}), true],
  [{ destinationIp: { addressPrefix: '10.0.0.0', prefixLen: 24 } }, input({}), true],
  [{ requestedServerName: { suffix: '.shop' } }, input({ requestedServerName: 'cart.shop' }), true],
  [{ notRule: { destinationPort: 8080 } }, input({}), false],
  [{ andRules: { rules: [ANY, { urlPath: { path: { prefix: '/' } } }] } }, input({}), true],
  [{ andRules: { rules: [{ destinationPort: 1 }, { urlPath: { path: { prefix: '/' } } }] } }, input({}), false],
  [{ orRules: { rules: [{ destinationPort: 1 }, { urlPath: { path: { prefix: '/' } } }] } }, input({}), true],
  [{ notRule: { header: { name: 'x-a', presentMatch: true } } }, input({}), true],
  // no HTTP: no header matches, so its negation does
  [{ urlPath: { path: { prefix: '/' } } }, { connection: fakeConnection(), request: undefined, info: undefined }, false],
  [
    { metadata: { filter: 'jwt', path: [{ key: 'aud' }], value: { listMatch: { oneOf: { stringMatch: { exact: 'b' } } } } } },
    input({}, fakeRequest(), { metadata: new Map([['jwt', { aud: ['a', 'b'] }]]) }),
    true,
  ],
  [{ metadata: { filter: 'jwt', path: [{ key: 'aud' }], value: { stringMatch: { prefix: '' } } } }, input({}), false],
  [{ metadata: { filter: 'jwt', path: [{ key: 'aud' }], value: { presentMatch: true }, invert: true } }, input({}), true],
];

for (const [permission, given, holds] of PERMISSIONS) {
  test(`permission ${JSON.stringify(permission)} ${holds ? 'holds' : 'does not hold'}`, () => {
    const rbac = engine('ALLOW', { p: { permissions: [permission], principals: [ANY] } });
    assert.equal(rbac.decide(given).isAllowed, holds);
  });
}

const PRINCIPALS: readonly [principal: JsonObject, input: AuthzInput, holds: boolean][] = [
  [isFront, input(asFront), true],
  [isFront, input({}), false],
  [{ notId: isFront }, input({}), true],
  [{ authenticated: {} }, input(asFront), true],
  [{ authenticated: {} }, input({}), false],
  [{ authenticated: {} }, input({ tls: fakeTls('', { uriSans: [], fingerprint: '' }) }), false],
  // TLS without a client certificate authenticates nobody, even as the empty name
  [{ authenticated: { principalName: { prefix: '' } } }, input({ tls: fakeTls('', { uriSans: [], fingerprint: '' }) }), false],
  [
    { authenticated: { principalName: { exact: 'a.example' } } },
    input({ tls: fakeTls('', { uriSans: [], dnsSans: ['a.example'] }) }),
    true,
  ],
  [{ authenticated: { principalName: { exact: 'CN=a' } } }, input({ tls: fakeTls('', { uriSans: [], subject: 'CN=a' }) }), true],
  [{ authenticated: { principalName: { safeRegex: { regex: 'spiffe://.+/ns/shop/(.+/|)sa/front(/.+)?' } } } }, input(asFront), true],
  [{ filterState: { key: 'io.istio.peer_principal', stringMatch: { safeRegex: { regex: '.*/ns/shop/.*' } } } }, input(asFront), true],
  [{ filterState: { key: 'io.istio.peer_principal', stringMatch: { prefix: '' } } }, input({}), false],
  [{ directRemoteIp: { addressPrefix: '10.0.0.0', prefixLen: 8 } }, input({}), true],
  [{ directRemoteIp: { addressPrefix: '10.0.0.0', prefixLen: 8 } }, input({ remote: { host: '::ffff:10.1.2.3', port: 1 } }), true],
  [{ sourceIp: { addressPrefix: '10.0.0.2', prefixLen: 32 } }, input({}), false],
  ...(['directRemoteIp', 'sourceIp', 'remoteIp'] as const).map((name): [JsonObject, AuthzInput, boolean] => [
    { [name]: { addressPrefix: '172.16.0.1', prefixLen: 32 } },
    input({ directRemote: { host: '172.16.0.1', port: 1 } }),
    name === 'directRemoteIp',
  ]),
  [LEFT_BY_LISTENER, { ...input({ metadata: new Map([['lb', { zone: 'a' }]]) }), request: undefined, info: undefined }, true],
  [LEFT_BY_LISTENER, { ...input({ metadata: new Map([['lb', { zone: 'b' }]]) }), request: undefined, info: undefined }, false],
  // requests have metadata of their own, as in Envoy
  [LEFT_BY_LISTENER, input({ metadata: new Map([['lb', { zone: 'a' }]]) }), false],
  [
    { remoteIp: { addressPrefix: '1.2.3.4', prefixLen: 32 } },
    input({}, fakeRequest(), { clientAddress: { host: '1.2.3.4', port: 0 } }),
    true,
  ],
  [
    { directRemoteIp: { addressPrefix: '1.2.3.4', prefixLen: 32 } },
    input({}, fakeRequest(), { clientAddress: { host: '1.2.3.4', port: 0 } }),
    false,
  ],
  [{ remoteIp: { addressPrefix: '0.0.0.0', prefixLen: 0 } }, input({ remote: { host: '::1', port: 1 } }), false],
  [
    { andIds: { ids: [isFront, { header: { name: 'x-a', stringMatch: { exact: '1' } } }] } },
    input(asFront, fakeRequest({}, { 'x-a': '1' })),
    true,
  ],
  [
    { andIds: { ids: [isFront, { header: { name: 'x-a', stringMatch: { exact: '1' } } }] } },
    input({}, fakeRequest({}, { 'x-a': '1' })),
    false,
  ],
  [{ orIds: { ids: [isFront, { urlPath: { path: { exact: '/' } } }] } }, input({}), true],
];

for (const [index, [principal, given, holds]] of PRINCIPALS.entries()) {
  test(`principal ${index}: ${JSON.stringify(principal)} ${holds ? 'holds' : 'does not hold'}`, () => {
    const rbac = engine('ALLOW', { p: { permissions: [ANY], principals: [principal] } });
    assert.equal(rbac.decide(given).isAllowed, holds);
  });
}

const TEMPLATE = { typeUrl: 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig' };

/** A permission by a URI template, its value packed. */
function byTemplate(template: string): JsonObject {
  const any = { '@type': TEMPLATE.typeUrl, pathTemplate: template };
  return { uriTemplate: { name: 'u', typedConfig: any } };
}

const BY_ROUTE = {
  sourcedMetadata: {
    metadataSource: 'ROUTE',
    metadataMatcher: { filter: 'x', path: [{ key: 'k' }], value: { stringMatch: { exact: 'v' } } },
  },
};

for (const [name, policy, given, holds] of [
  ['a template', { permissions: [byTemplate('/u/{id}/x')], principals: [ANY] }, input({}, fakeRequest({ path: '/u/1/x?q' })), true],
  ['another path', { permissions: [byTemplate('/u/{id}/x')], principals: [ANY] }, input({}, fakeRequest({ path: '/u/1/y' })), false],
  [
    'metadata of the route',
    { permissions: [BY_ROUTE], principals: [BY_ROUTE] },
    input({}, fakeRequest(), { route: withMetadata('v') }),
    true,
  ],
  ['other metadata', { permissions: [BY_ROUTE], principals: [ANY] }, input({}, fakeRequest(), { route: withMetadata('w') }), false],
  ['no route', { permissions: [BY_ROUTE], principals: [ANY] }, input({}), false],
  [
    'filter state',
    { permissions: [ANY], principals: [{ filterState: { key: 'k', stringMatch: { exact: 'v' } } }] },
    input({}, fakeRequest(), { filterState: new Map([['k', 'v']]) }),
    true,
  ],
  ['no filter state', { permissions: [ANY], principals: [{ filterState: { key: 'k', stringMatch: { prefix: '' } } }] }, input({}), false],
] as const satisfies readonly (readonly [string, JsonObject, AuthzInput, boolean])[]) {
  test(`by ${name} ${holds ? 'holds' : 'does not hold'}`, () => {
    const rules = fromJson(RBACSchema, { action: 'ALLOW', policies: { p: policy } }, { registry: typeRegistry });
    assert.equal(compileEngine(rules, 'rules').decide(given).isAllowed, holds);
  });
}

/** Istio's policies as it writes them: who may do what, and what comes of it. */
const getOnly = { permissions: [{ header: { name: ':method', stringMatch: { exact: 'GET' } } }], principals: [isFront] };
const ACTIONS: readonly [
  name: string,
  action: string,
  policies: JsonObject,
  input: AuthzInput,
  isAllowed: boolean,
  policy: string | undefined,
][] = [
  ['ALLOW without rules denies all', 'ALLOW', {}, input(asFront), false, undefined],
  ['DENY without rules denies nobody', 'DENY', {}, input({}), true, undefined],
  ['ALLOW lets through what matches', 'ALLOW', { a: getOnly }, input(asFront), true, 'a'],
  ['ALLOW denies what does not', 'ALLOW', { a: getOnly }, input(asFront, fakeRequest({ method: 'POST' })), false, undefined],
  ['DENY denies what matches', 'DENY', { a: getOnly }, input(asFront), false, 'a'],
  ['DENY lets others through', 'DENY', { a: getOnly }, input({}), true, undefined],
  ['LOG lets everything through', 'LOG', { a: getOnly }, input(asFront), true, 'a'],
  ['the first by name decides', 'DENY', { b: { permissions: [ANY], principals: [ANY] }, a: getOnly }, input(asFront), false, 'a'],
  ['the next where the first does not match', 'DENY', { b: { permissions: [ANY], principals: [ANY] }, a: getOnly }, input({}), false, 'b'],
];

for (const [name, action, policies, given, isAllowed, policy] of ACTIONS) {
  test(name, () => assert.deepEqual(engine(action, policies).decide(given), { isAllowed, policy }));
}

test('a condition holds for a request, or for a connection by what it has; without a value it does not hold', () => {
  const call = (name: string, ...args: JsonObject[]): JsonObject => ({ callExpr: { function: name, args } });
  const of = (root: string, field: string): JsonObject => ({ selectExpr: { operand: { identExpr: { name: root } }, field } });
  const text = (value: string): JsonObject => ({ constExpr: { stringValue: value } });
  const rules = (condition: JsonObject): ReturnType<typeof compileEngine> =>
    engine('ALLOW', { a: { permissions: [ANY], principals: [isFront], condition } });
  const connection = fakeConnection(asFront);
  const tcp: AuthzInput = { connection, request: undefined, info: undefined, tcp: fakeInfo({ connection, request: undefined }) };
  const byPath = rules(call('_==_', of('request', 'path'), text('/a')));
  assert.equal(byPath.decide(input(asFront, fakeRequest({ path: '/a' }))).policy, 'a');
  assert.equal(byPath.decide(input(asFront, fakeRequest({ path: '/b' }))).policy, undefined);
  assert.equal(byPath.decide(input({}, fakeRequest({ path: '/a' }))).policy, undefined);
  assert.equal(byPath.decide(tcp).policy, undefined);
  const byCertificate = rules(call('_==_', of('connection', 'uri_san_peer_certificate'), text(FRONT)));
  assert.equal(byCertificate.decide(tcp).policy, 'a');
  assert.throws(() => rules(of('xds', 'route_name')), /policies\[a\]\.condition: xds\.route_name: the attributes node and xds/);
});

test('connections that differ in what policies look at are not taken for each other', () => {
  const rbac = engine('ALLOW', {
    p: {
      permissions: [{ destinationPort: 8080 }],
      principals: [{ andIds: { ids: [isFront, { directRemoteIp: { addressPrefix: '10.0.0.1', prefixLen: 32 } }] } }],
    },
  });
  const answers = [
    asFront,
    {},
    { ...asFront, local: { host: '10.0.0.2', port: 1 } },
    { ...asFront, remote: { host: '10.0.0.9', port: 1 } },
    asFront,
  ].map((connection) => rbac.decide(input(connection)).isAllowed);
  assert.deepEqual(answers, [true, false, false, false, true]);
});

const REFUSED: readonly [policy: JsonObject, message: RegExp][] = [
  [{ permissions: [], principals: [ANY] }, /rules\.policies\[p\]\.permissions: is empty/],
  [{ permissions: [ANY], principals: [] }, /principals: is empty/],
  [{ permissions: [{}], principals: [ANY] }, /permissions\[0\]: permission \(empty\) is not supported/],
  [{ permissions: [{ uriTemplate: { name: 'x' } }], principals: [ANY] }, /uri_template\.typed_config: x has none/],
  [{ permissions: [{ matcher: { name: 'x' } }], principals: [ANY] }, /permission matcher is not supported/],
  [{ permissions: [ANY], principals: [{ custom: { name: 'x' } }] }, /principal custom is not supported/],
  [{ permissions: [ANY], principals: [{ filterState: { key: '', stringMatch: { exact: 'a' } } }] }, /filter_state\.key: is empty/],
  [
    { permissions: [ANY], principals: [{ sourceIp: { addressPrefix: '10.0.0' } }] },
    /source_ip\.address_prefix: 10\.0\.0 is not an IP address/,
  ],
  [{ permissions: [ANY], principals: [{ sourceIp: { addressPrefix: '10.0.0.0', prefixLen: 33 } }] }, /33 is longer/],
  [{ permissions: [{ orRules: {} }], principals: [ANY] }, /or_rules\.rules: is empty/],
];

for (const [policy, message] of REFUSED) {
  test(`refused: ${JSON.stringify(policy)}`, () => {
    assert.throws(
      () => engine('ALLOW', { p: policy }),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
  });
}
