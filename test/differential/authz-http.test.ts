/** Authorization by another service, asked by HTTP. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { httpFilter, perFilter, to } from './framework/pieces.ts';
import { field, FOREVER } from './framework/wishes.ts';
import { compareTopic } from './framework/topic.ts';

const exact = (...names: string[]): JsonObject => ({ patterns: names.map((name) => ({ exact: name })) });

const service = (fields: JsonObject = {}, cluster = 'origin'): JsonObject => ({
  server_uri: { uri: 'http://authz.test', cluster, timeout: '20s' },
  path_prefix: '/authz',
  ...fields,
});

const filter = (http_service: JsonObject, fields: JsonObject = {}): JsonObject =>
  httpFilter('ext_authz', 'ext_authz.v3.ExtAuthz', { http_service, allowed_headers: exact('x-case'), ...fields });

const LISTS = service({
  authorization_request: { headers_to_add: [{ key: 'x-added', value: 'yes %REQ(X-SENT)%' }] },
  authorization_response: {
    allowed_upstream_headers: { patterns: [{ prefix: 'x-up' }] },
    allowed_upstream_headers_to_append: exact('x-more'),
    allowed_client_headers: exact('x-why'),
    allowed_client_headers_on_success: exact('x-well'),
    dynamic_metadata_from_headers: exact('x-meta'),
  },
});

const perRoute = (path: string, fields: JsonObject): JsonObject =>
  to(path, {}, { typed_per_filter_config: perFilter('ext_authz', 'ext_authz.v3.ExtAuthzPerRoute', fields) });

const ROUTES: JsonObject[] = [
  perRoute('/off', { disabled: true }),
  perRoute('/no-body', { check_settings: { disable_request_body_buffering: true } }),
  perRoute('/own-body', { check_settings: { with_request_body: { max_request_bytes: 5, allow_partial_message: true } } }),
  {
    name: 'by-authz',
    match: { prefix: '/', headers: [{ name: 'x-up-route', string_match: { exact: 'other' } }] },
    route: { cluster: 'origin', prefix_rewrite: '/other' },
  },
  to('/dead', { cluster: 'dead' }),
];

/** A path whose query says what the service answers; the upstream answers as `wish` says. */
const path = (authz: string, base = '/x'): string => `${base}?a=1&do=${encodeURIComponent(authz)}`;

type Options = Parameters<typeof ask>[2];
const get = (name: string, authz: string, listener = 'main', request: Options = {}, base = '/x'): Case =>
  ask(name, path(authz, base), { wish: 'body=fine', ...request }, { listener });

const CASES: Case[] = [
  get('allowed', 'body=yes'),
  get('allowed with more', `${field('x-up-a: 1')};${field('x-up-b: 2')};${field('x-other: 3')};${field('x-well: done')}`),
  get(
    'lists: allowed',
    `${field('x-up-a: 1')};${field('x-up-a: 2')};${field('x-more: 3')};${field('x-well: done')};${field('x-meta: m')}`,
    'lists',
    {
      fields: ['x-up-a: old', 'x-more: old', 'x-sent: s'],
    },
  ),
  get('lists: taken away', field('x-envoy-auth-headers-to-remove: x-a, x-b,host'), 'lists', { fields: ['x-a: 1', 'x-b: 2', 'x-c: 3'] }),
  get('lists: denied', `status=403;body=no;${field('x-why: because')};${field('x-other: o')};${field('www-authenticate: Basic')}`, 'lists'),
  get('lists: route', field('x-up-route: other'), 'lists'),
  get('lists: route without clearing', field('x-up-route: other'), 'uncleared'),
  get('denied', `status=403;body=no;${field('x-why: because')};${field('content-type: text/html')}`),
  get('denied with cookies', `status=401;body=no;${field('set-cookie: a=1')};${field('set-cookie: b=2')}`),
  get('redirected', `status=302;body=;${field('location: https://login.test/')}`),
  get('not 200', 'status=201'),
  get('no content', 'status=204;body='),
  get('an error', 'status=503;body=broken'),
  get('no answer', 'reset=1'),
  get('late', `delay=${FOREVER}`, 'quick'),
  get('denied a client of gRPC', 'status=403;body=no', 'main', { method: 'POST', fields: ['content-type: application/grpc'] }),
  get('error for a client of gRPC', 'status=500', 'main', { method: 'POST', fields: ['content-type: application/grpc'] }),
  get('head', 'body=yes', 'main', { method: 'HEAD' }),
  get('post without its body', 'body=yes', 'main', { method: 'POST', body: 'secret' }),
  get('sent fields', 'body=yes', 'main', { fields: ['authorization: Basic YTpi', 'cookie: a=b', 'x-else: 1', 'user-agent: me'] }),
  get('sent fields by the old list', 'body=yes', 'old', { fields: ['authorization: Basic YTpi', 'cookie: a=b', 'x-else: 1'] }),
  get('fields that are never sent', 'body=yes', 'never', { fields: ['authorization: Basic YTpi', 'x-a: 1', 'x-b: 2'] }),
  get('fields that come twice', 'body=yes', 'never', { fields: ['x-b: 1', 'x-b: 2'] }),
  get('raw fields that come twice', 'body=yes', 'raw', { fields: ['x-b: 1', 'x-b: 2'] }),
  get('dead', '', 'dead'),
  get('dead but open', '', 'open'),
  get('an error but open', 'status=500', 'open-error'),
  get('a denial is no error', 'status=403;body=no', 'open-error'),
  get('no such cluster', '', 'missing'),
  get('another status on error', 'status=500', 'status'),
  get('off', 'status=403', 'main', {}, '/off'),
  get('disabled', 'status=403', 'disabled'),
  get('disabled and denied', 'status=200', 'disabled-denied'),
  get('body', 'body=yes', 'body', { method: 'POST', body: 'hello' }),
  get('body of the greatest length', 'body=yes', 'body', { method: 'POST', body: '0123456789' }),
  get('body that is too long', 'body=yes', 'body', { method: 'POST', body: '01234567890' }),
  get('no body', 'body=yes', 'body'),
  get('partial body', 'body=yes', 'partial', { method: 'POST', body: '0123456789abc' }),
  get('partial body that is whole', 'body=yes', 'partial', { method: 'POST', body: '01234' }),
  get('body denied', 'status=403;body=no', 'body', { method: 'POST', body: 'hello' }),
  get('no body by route', 'body=yes', 'body', { method: 'POST', body: 'hello' }, '/no-body'),
  get('partial body by route', 'body=yes', 'body', { method: 'POST', body: 'hello world' }, '/own-body'),
];

const LISTENERS: Record<string, JsonObject> = {
  main: filter(service()),
  lists: filter(LISTS, { clear_route_cache: true }),
  uncleared: filter(LISTS),
  quick: filter(service({ server_uri: { uri: 'http://authz.test', cluster: 'origin', timeout: '0.8s' } })),
  old: httpFilter('ext_authz', 'ext_authz.v3.ExtAuthz', {
    http_service: service({ authorization_request: { allowed_headers: exact('x-case', 'x-else') } }),
  }),
  never: filter(service(), {
    allowed_headers: { patterns: [{ prefix: 'x-' }] },
    disallowed_headers: exact('authorization', 'x-a', 'x-do', 'x-request-id'),
  }),
  raw: filter(service(), { allowed_headers: exact('x-case', 'x-b'), encode_raw_headers: true }),
  dead: filter(service({}, 'dead')),
  open: filter(service({}, 'dead'), { failure_mode_allow: true, failure_mode_allow_header_add: true }),
  'open-error': filter(service(), { failure_mode_allow: true }),
  missing: filter(service({}, 'origin'), {}),
  status: filter(service(), { status_on_error: { code: 'ServiceUnavailable' } }),
  disabled: filter(service(), { filter_enabled: { default_value: { numerator: 0 } } }),
  'disabled-denied': filter(service(), {
    filter_enabled: { default_value: { numerator: 0 } },
    deny_at_disable: { default_value: true, runtime_key: 'x' },
  }),
  body: filter(service(), { with_request_body: { max_request_bytes: 10 } }),
  partial: filter(service(), { with_request_body: { max_request_bytes: 10, allow_partial_message: true } }),
};

compareTopic({
  name: 'authorization by HTTP',
  setup: () => ({
    routes: ROUTES,
    log: { meta: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:x-meta)%' },
    listeners: Object.fromEntries(Object.entries(LISTENERS).map(([name, each]) => [name, { filters: [each] }])),
  }),
  cases: CASES,
});
