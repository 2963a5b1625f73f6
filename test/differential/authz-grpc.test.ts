/** Authorization by another service, asked by gRPC. */
import type { JsonObject } from '@bufbuild/protobuf';
import { authzServer } from './framework/authz-server.ts';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { ask2 } from './framework/h2-case.ts';
import { h2Cluster, httpFilter, perFilter, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const filter = (fields: JsonObject = {}, service: JsonObject = {}): JsonObject =>
  httpFilter('ext_authz', 'ext_authz.v3.ExtAuthz', {
    grpc_service: { envoy_grpc: { cluster_name: 'authz' }, timeout: '20s', ...service },
    transport_api_version: 'V3',
    ...fields,
  });

const perRoute = (path: string, settings: JsonObject, rest: JsonObject = {}): JsonObject =>
  to(path, {}, { typed_per_filter_config: perFilter('ext_authz', 'ext_authz.v3.ExtAuthzPerRoute', { check_settings: settings }), ...rest });

const ROUTES: JsonObject[] = [
  perRoute('/extended', { context_extensions: { a: 'route', b: 'route' } }),
  perRoute('/no-body', { disable_request_body_buffering: true }),
  to('/marked', {}, { metadata: { filter_metadata: { mine: { route: 'marked' }, other: { a: 1 } } } }),
  {
    name: 'by-authz',
    match: { prefix: '/', headers: [{ name: 'x-route', string_match: { exact: 'other' } }] },
    route: { cluster: 'origin', prefix_rewrite: '/other' },
  },
];

const answer = (json: JsonObject): string => `x-answer: ${Buffer.from(JSON.stringify(json)).toString('base64')}`;
const ECHO = answer({ status: { code: 7 }, deniedResponse: { body: '{request}' } });
const ok = (fields: JsonObject): string => answer({ okResponse: fields });
const denied = (fields: JsonObject): string => answer({ status: { code: 7 }, deniedResponse: fields });
const set = (key: string, value: string, rest: JsonObject = {}): JsonObject => ({ header: { key, value }, ...rest });

type Options = Parameters<typeof ask>[2];
const get = (name: string, said: string, listener = 'main', request: Options = {}, path = '/x'): Case =>
  ask(name, path, { ...request, fields: [said, ...(request.fields ?? [])] }, { listener });

const CASES: Case[] = [
  get('echo', ECHO, 'main', { fields: ['x-a: 1', 'x-a: 2', 'user-agent: me'] }, '/x?b=c'),
  get('echo of a body that is not asked for', ECHO, 'main', { method: 'POST', body: 'secret' }),
  get('echo of a caller', ECHO, 'main', { fields: ['x-envoy-downstream-service-cluster: front'] }),
  get('echo of other bytes', ECHO, 'main', { fields: ['x-a: \u00e9\u00ff'] }),
  get('echo of listed fields', ECHO, 'listed', { fields: ['x-a: 1', 'x-b: 2', 'y: 3'] }),
  get('echo of raw fields', ECHO, 'raw', { fields: ['x-a: 1', 'x-a: 2'] }),
  get('echo of a body', ECHO, 'body', { method: 'POST', body: 'hello' }),
  get('echo of a body as bytes', ECHO, 'bytes', { method: 'POST', body: 'hello' }),
  get('echo of a partial body', ECHO, 'partial', { method: 'POST', body: 'hello world, how are you' }),
  get('echo of no body', ECHO, 'body'),
  get('echo of a body off by route', ECHO, 'body', { method: 'POST', body: 'hello' }, '/no-body'),
  get('a body that is too long', ECHO, 'body', { method: 'POST', body: 'hello world, how are you' }),
  get('echo of extensions', ECHO, 'main', {}, '/extended'),
  get('echo of metadata', ECHO, 'metadata', {}, '/marked'),
  ask2('echo of HTTP 2', '/x', { fields: [ECHO] }, {}),
  ask2('echo of TLS', '/x', { fields: [ECHO], scheme: 'https' }, { listener: 'tls' }),
  get('nothing said', answer({})),
  get('denied by a code alone', answer({ status: { code: 7 } })),
  get('denied by another code', answer({ status: { code: 16 } })),
  get('a denial without a code', answer({ deniedResponse: { body: 'no' } })),
  get('denied', denied({ status: { code: 'Unauthorized' }, body: 'no', headers: [set('x-why', 'because'), set('X-Case-d', 'a')] })),
  get('denied with cookies', denied({ headers: [set('set-cookie', 'a=1'), set('set-cookie', 'b=2')] })),
  get('denied with what is appended', denied({ headers: [set('x-a', '1', { append: true }), set('x-b', '2')] })),
  get('denied with a type', denied({ body: '{}', headers: [set('content-type', 'application/json')] })),
  get('denied a client of gRPC', denied({ body: 'no' }), 'main', { method: 'POST', fields: ['content-type: application/grpc'] }),
  get('set', ok({ headers: [set('x-a', 'new'), set('x-b', 'b')] }), 'main', { fields: ['x-a: old', 'x-a: older'] }),
  get('set twice', ok({ headers: [set('x-a', '1'), set('x-a', '2')] })),
  get('appended', ok({ headers: [set('x-a', 'new', { append: true }), set('x-b', 'b', { append: true })] }), 'main', {
    fields: ['x-a: old'],
  }),
  get('set and appended', ok({ headers: [set('x-a', '2', { append: true }), set('x-a', '1')] })),
  get('by action', ok({ headers: [set('x-a', 'new', { appendAction: 'ADD_IF_ABSENT' })] }), 'main', { fields: ['x-a: old'] }),
  get('removed', ok({ headersToRemove: ['x-a', 'X-B', ':path', 'host'] }), 'main', { fields: ['x-a: 1', 'x-b: 2', 'x-c: 3'] }),
  get('path set', ok({ headers: [set(':path', '/new')] })),
  get('host set', ok({ headers: [set('host', 'new.test')] })),
  get(
    'query set',
    ok({
      queryParametersToSet: [
        { key: 'z', value: '1' },
        { key: 'b', value: '2' },
      ],
    }),
    'main',
    {},
    '/x?c=3&b=1&b=4',
  ),
  get('query removed', ok({ queryParametersToRemove: ['b', 'none'] }), 'main', {}, '/x?c=3&b=1&a'),
  get('query emptied', ok({ queryParametersToRemove: ['b'] }), 'main', {}, '/x?b=1'),
  get(
    'response changed',
    ok({
      responseHeadersToAdd: [
        set('x-added', '1'),
        set('x-set', 'new', { append: false }),
        set('x-absent', '1', { appendAction: 'ADD_IF_ABSENT' }),
        set('x-there', '1', { appendAction: 'ADD_IF_ABSENT' }),
        set('x-set', '2', { appendAction: 'OVERWRITE_IF_EXISTS' }),
        set('x-nowhere', '2', { appendAction: 'OVERWRITE_IF_EXISTS' }),
        set('x-over', '3', { appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' }),
      ],
    }),
    'main',
    { wish: `h=${encodeURIComponent('x-set: old')};h=${encodeURIComponent('x-there: old')};h=${encodeURIComponent('x-added: old')}` },
  ),
  get('routed', ok({ headers: [set('x-route', 'other')] }), 'cleared'),
  get('not routed', ok({ headers: [set('x-route', 'other')] })),
  get('metadata', answer({ okResponse: {}, dynamicMetadata: { who: 'ann', list: [1, 'a'] } })),
  get('metadata of a denial', answer({ status: { code: 7 }, dynamicMetadata: { who: 'ann' } })),
  get('a status of gRPC', ok({}), 'failing'),
  get('a status of gRPC but open', ok({}), 'failing-open'),
  get('invalid', ok({ headers: [set('x-a', 'a\nb')] }), 'validated'),
  get('invalid denial', denied({ headers: [set('x a', 'b')] }), 'validated'),
  get('valid', ok({ headers: [set('x-a', 'b')] }), 'validated'),
  get('dead', ok({}), 'dead'),
];

const LISTENERS: Record<string, JsonObject> = {
  main: filter(),
  listed: filter({ allowed_headers: { patterns: [{ prefix: 'x-' }] }, disallowed_headers: { patterns: [{ exact: 'x-b' }] } }),
  raw: filter({ encode_raw_headers: true, disallowed_headers: { patterns: [{ exact: 'x-case' }, { exact: 'x-request-id' }] } }),
  body: filter({ with_request_body: { max_request_bytes: 10 } }),
  bytes: filter({ with_request_body: { max_request_bytes: 10, pack_as_bytes: true } }),
  partial: filter({ with_request_body: { max_request_bytes: 10, allow_partial_message: true } }),
  metadata: filter({ route_metadata_context_namespaces: ['mine'], metadata_context_namespaces: ['none'], include_tls_session: true }),
  cleared: filter({ clear_route_cache: true }),
  failing: filter({}, { initial_metadata: [{ key: 'x-fail', value: 'yes' }] }),
  'failing-open': filter({ failure_mode_allow: true }, { initial_metadata: [{ key: 'x-fail', value: 'yes' }] }),
  validated: filter({ validate_mutations: true }),
  dead: filter({}, { envoy_grpc: { cluster_name: 'dead' } }),
};

compareTopic({
  name: 'authorization by gRPC',
  servers: authzServer,
  setup: ({ servers }) => ({
    routes: ROUTES,
    log: {
      who: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:who)%',
      list: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:list)%',
    },
    clusters: [h2Cluster('authz', [servers['authz'] ?? 0])],
    listeners: {
      ...Object.fromEntries(Object.entries(LISTENERS).map(([name, each]) => [name, { filters: [each] }])),
      tls: {
        tls: {},
        filters: [filter({ include_peer_certificate: true, include_tls_session: true })],
      },
    },
  }),
  cases: CASES,
});
