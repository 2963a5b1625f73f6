/** Routes by cookies, templates, metadata and scopes, and what they do besides forwarding. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { cluster, direct, header, retry, ROOM, to, type } from './framework/pieces.ts';
import { field, trailer, FOREVER } from './framework/wishes.ts';
import { compareTopic } from './framework/topic.ts';

const answer = (status: number, match: JsonObject): JsonObject => ({ match, direct_response: { status } });
const cookie = (prefix: string, value: string, rest: JsonObject = {}): JsonObject => ({
  prefix,
  cookies: [{ name: 'a', string_match: { exact: value }, ...rest }],
});

const MATCH = 'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig';
const REWRITE = 'envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig';

const template = (path: string, rewrite: string): JsonObject => ({
  name: path.slice(1),
  match: {
    path_match_policy: { name: 'envoy.path.match.uri_template.uri_template_matcher', typed_config: type(MATCH, { path_template: path }) },
  },
  route: {
    cluster: 'origin',
    path_rewrite_policy: {
      name: 'envoy.path.rewrite.uri_template.uri_template_rewriter',
      typed_config: type(REWRITE, { path_template_rewrite: rewrite }),
    },
  },
});

const formatted = (prefix: string, body_format: JsonObject): JsonObject => ({
  match: { prefix },
  direct_response: { status: 418, body: { inline_string: 'tea' }, body_format },
});

const weighted = (prefix: string, rest: JsonObject, action: JsonObject = {}): JsonObject => ({
  name: prefix.slice(1),
  match: { prefix },
  route: {
    weighted_clusters: {
      clusters: [
        { name: 'origin', weight: 30, host_rewrite_literal: 'first.test' },
        { cluster_header: 'x-cluster', weight: 70 },
      ],
      ...rest,
    },
    ...action,
  },
});

const LOGGED = {
  path_nq: '%PATH(NQ)%',
  path_now: '%PATH(WQ:PATH)%',
  query: '%QUERY_PARAMS%',
  parameter: '%QUERY_PARAM(q)%',
  grpc: '%GRPC_STATUS%',
  grpc_number: '%GRPC_STATUS_NUMBER%',
  trailer: '%TRAILER(x-end)%',
  local_body: '%LOCAL_REPLY_BODY%',
  state: '%FILTER_STATE(k:PLAIN)%',
  details_spaced: '%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%',
  request_header: '%REQUEST_HEADER(x-a?x-b)%',
  response_header: '%RESPONSE_HEADER(x-out)%',
};

const SCOPES: JsonObject = {
  name: 'scopes',
  scope_key_builder: {
    fragments: [
      { header_value_extractor: { name: 'x-vip', element_separator: ';', element: { key: 'vip', separator: '=' } } },
      { header_value_extractor: { name: 'x-list', element_separator: ',', index: 1 } },
    ],
  },
  scoped_route_configurations_list: {
    scoped_route_configurations: [201, 202].map((status) => ({
      name: `scope ${status}`,
      key: { fragments: [{ string_key: `v${status}` }, { string_key: 'l' }] },
      route_configuration: {
        name: `table ${status}`,
        virtual_hosts: [{ name: 'v', domains: ['*'], routes: [direct('/', status, 'scoped')] }],
      },
    })),
  },
};

const ROUTES: JsonObject[] = [
  answer(201, cookie('/cookie', '1')),
  answer(202, cookie('/cookie', '2', { invert_match: true })),
  answer(203, { prefix: '/cookie' }),
  answer(204, { prefix: '/certificate', tls_context: { presented: true } }),
  answer(205, { prefix: '/certificate', tls_context: { presented: false, validated: false } }),
  answer(206, {
    prefix: '/metadata',
    dynamic_metadata: [{ filter: 'none', path: [{ key: 'k' }], value: { string_match: { exact: 'v' } } }],
  }),
  answer(207, {
    prefix: '/metadata',
    dynamic_metadata: [{ filter: 'none', path: [{ key: 'k' }], value: { string_match: { exact: 'v' } }, invert: true }],
  }),
  answer(208, { prefix: '/state', filter_state: [{ key: 'k', string_match: { exact: 'v' } }] }),
  template('/files/{user}/raw/{rest=**}', '/raw/{rest}/of/{user}'),
  template('/users/{id}', '/u/{id}.json'),
  formatted('/text-body', { text_format_source: { inline_string: '[%LOCAL_REPLY_BODY%] %REQ(x-a)% %RESPONSE_CODE%' } }),
  formatted('/json-body', { json_format: { body: '%LOCAL_REPLY_BODY%', missing: '%REQ(x-none)%', status: '%RESPONSE_CODE%' } }),
  formatted('/typed-body', { text_format_source: { inline_string: '<b>%LOCAL_REPLY_BODY%</b>' }, content_type: 'text/html' }),
  weighted('/by-number', { header_name: 'x-number' }),
  weighted(
    '/both-hosts',
    { header_name: 'x-number' },
    { host_rewrite_literal: 'route.test', append_x_forwarded_host: true, prefix_rewrite: '/new' },
  ),
  to('/flagged', {}, { request_headers_to_add: [header('x-path', '%PATH(NQ)%'), header('x-query', '%QUERY_PARAM(q)%')] }),
  to('/hashed', { hash_policy: [{ cookie: { name: 'sess', ttl: '0s' } }] }),
  to('/ended', { max_stream_duration: { max_stream_duration: '0.8s' } }),
  to('/grpc-max', { max_stream_duration: { grpc_timeout_header_max: '8s', grpc_timeout_header_offset: '0.05s' } }),
  to('/grpc-old', { max_grpc_timeout: '8s', grpc_timeout_offset: '0.1s' }),
  to('/no-timeout', { timeout: '0.1s', max_stream_duration: {} }),
  to('/high', { priority: 'HIGH' }),
  to('/mirrored', { request_mirror_policies: [{ cluster_header: 'x-mirror' }] }),
  retry('/words', 'nonsense,5xx'),
];

const requests: readonly Case[] = [
  ...['a=1', 'a="1"', 'a=2', 'b=1', 'b=1; a=1', 'a=3; a=1', 'a', ''].map((value) =>
    ask(`cookie ${value === '' ? 'none' : value}`, '/cookie', { fields: value === '' ? [] : [`cookie: ${value}`] }),
  ),
  ask('cookies in two fields', '/cookie', { fields: ['cookie: b=1', 'cookie: a=1'] }),
  ask('no client certificate', '/certificate'),
  ask('no metadata', '/metadata'),
  ask('no filter state', '/state'),
  ask('template with the rest of a path', '/files/me/raw/a/b.txt?q=1'),
  ask('template with nothing left', '/files/me/raw/'),
  ask('template of one segment', '/users/7?x=/y'),
  ask('template that does not match', '/users/7/8'),
  ask('text body', '/text-body', { fields: ['x-a: 1'] }),
  ask('json body', '/json-body'),
  ask('json body to HEAD', '/json-body', { method: 'HEAD' }, { isHead: true }),
  ask('typed body', '/typed-body'),
  ask('body of a reply to gRPC', '/text-body', { method: 'POST', fields: ['content-type: application/grpc'] }),
  ...['0', '29', '30', '99', '130', '18446744073709551615'].map((number) =>
    ask(`weighted by number ${number}`, '/by-number', { fields: [`x-number: ${number}`, 'x-cluster: other'] }),
  ),
  ask('hosts of a route and of its weighted cluster', '/both-hosts', { fields: ['x-number: 0'] }),
  ask('host of the route alone', '/both-hosts', { fields: ['x-number: 50', 'x-cluster: other'] }),
  ask('weighted cluster that no header names', '/by-number', { fields: ['x-number: 50'] }),
  ask('what is logged of a path', '/flagged/a%20b?q=a%20b&r', { fields: ['x-b: 2'], wish: field('x-out: 5') }),
  ask('what is logged of gRPC', '/flagged', { method: 'POST', fields: ['content-type: application/grpc'], wish: field('grpc-status: 5') }),
  ask('what is logged of trailers', '/flagged', { wish: `chunked=1;${trailer('x-end: last')}` }, { expects: { 'log.0.trailer': 'last' } }),
  ask('what is logged of the status in trailers', '/flagged', {
    method: 'POST',
    fields: ['content-type: application/grpc'],
    wish: `chunked=1;${trailer('grpc-status: 7')}`,
  }),
  ask('a cookie for hashing is there', '/hashed', { fields: ['cookie: sess=1'] }),
  ask('a stream that takes too long', '/ended', { wish: `delay=${FOREVER}` }),
  ask('a stream of gRPC that takes too long', '/ended', {
    method: 'POST',
    fields: ['content-type: application/grpc'],
    wish: `delay=${FOREVER}`,
  }),
  ...['2900m', '5S', '1H', '123456789m', '5x', '2000000u'].flatMap((timeout) => [
    ask(`grpc-timeout ${timeout} within its bound`, '/grpc-max', { fields: [`grpc-timeout: ${timeout}`] }),
    ask(`grpc-timeout ${timeout} on an old route`, '/grpc-old', { fields: [`grpc-timeout: ${timeout}`, 'content-type: application/grpc'] }),
  ]),
  ask('grpc-timeout of zero', '/grpc-max', { fields: ['grpc-timeout: 0m'], wish: 'delay=300' }),
  ask('grpc-timeout runs out', '/grpc-max', { fields: ['grpc-timeout: 900m'], wish: `delay=${FOREVER}` }),
  ask('grpc-timeout runs out on an old route', '/grpc-old', {
    fields: ['grpc-timeout: 900m', 'content-type: application/grpc'],
    wish: `delay=${FOREVER}`,
  }),
  ask('no grpc-timeout on an old route', '/grpc-old', { fields: ['content-type: application/grpc'] }),
  ask('a route with max_stream_duration has no timeout', '/no-timeout', { wish: 'delay=300' }),
  ask('high priority', '/high'),
  ask('a mirror that no header names', '/mirrored'),
  ask('unknown words of retry_on', '/words', { wish: 'times=1;status=503' }),
];

const scoped: readonly Case[] = [
  ask('scope by two fields', '/', { fields: ['x-vip: a=b;vip=v201', 'x-list: k,l,m'] }, { listener: 'scoped' }),
  ask('another scope', '/', { fields: ['x-vip: vip=v202', 'x-list: ,l'] }, { listener: 'scoped' }),
  ask('no such scope', '/', { fields: ['x-vip: vip=v203', 'x-list: k,l'] }, { listener: 'scoped' }),
  ask('scope with a part missing', '/', { fields: ['x-vip: vip=v201'] }, { listener: 'scoped' }),
  ask('scope with too short a list', '/', { fields: ['x-vip: vip=v201', 'x-list: k'] }, { listener: 'scoped' }),
];

const byHeader: readonly Case[] = [
  ask('virtual host by a field', '/', { fields: ['x-host: w.test'] }, { listener: 'fields' }),
  ask('virtual host for any other field', '/', { fields: ['x-host: other'] }, { listener: 'fields' }),
  ask('no field for the virtual host', '/', { host: 'w.test' }, { listener: 'fields' }),
];

compareTopic({
  name: 'conditions of routes',
  setup: (world) => ({
    listeners: {
      main: {},
      scoped: { manager: { scoped_routes: SCOPES } },
      fields: {
        manager: {
          route_config: {
            name: 'fields',
            vhost_header: 'x-host',
            virtual_hosts: [
              { name: 'w', domains: ['w.test'], routes: [direct('/', 201, 'w')] },
              { name: 'any', domains: ['*'], routes: [direct('/', 202, 'any')] },
            ],
          },
        },
      },
    },
    routes: ROUTES,
    clusters: [cluster('other', [world.ports.origin], ROOM)],
    log: LOGGED,
  }),
  cases: [...requests, ...scoped, ...byHeader],
});
