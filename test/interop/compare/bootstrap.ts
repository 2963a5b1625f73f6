/** The bootstrap that both proxies get; only ports and the access log's file differ. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

export interface Ports {
  readonly admin: number;
  readonly origin: number;
  /** A port where nobody listens. */
  readonly dead: number;
}

/** Listeners by name: fields that each one's connection manager has besides the common ones. */
const LISTENERS = {
  /** As a sidecar's: the client is believed, paths stay as they are. */
  main: { upgrade_configs: [{ upgrade_type: 'websocket' }], http_protocol_options: { enable_trailers: true } },
  /** As a gateway's: nothing is believed, paths are normalized. */
  edge: {
    use_remote_address: true,
    normalize_path: true,
    merge_slashes: true,
    path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT',
    strip_any_host_port: true,
    server_name: 'gate',
    via: 'gate',
    always_set_request_id_in_response: true,
    common_http_protocol_options: { headers_with_underscores_action: 'REJECT_REQUEST', max_headers_count: 20 },
    http_protocol_options: { accept_http_10: true, default_host_for_http_10: 'old.test' },
  },
  forward: {
    use_remote_address: true,
    xff_num_trusted_hops: 1,
    skip_xff_append: true,
    normalize_path: true,
    path_with_escaped_slashes_action: 'UNESCAPE_AND_FORWARD',
    preserve_external_request_id: true,
    server_header_transformation: 'APPEND_IF_ABSENT',
    strip_matching_host_port: true,
    common_http_protocol_options: { headers_with_underscores_action: 'DROP_HEADER', max_requests_per_connection: 2 },
    http_protocol_options: { allow_custom_methods: true },
  },
  strict: {
    normalize_path: true,
    path_with_escaped_slashes_action: 'REJECT_REQUEST',
    server_header_transformation: 'PASS_THROUGH',
    generate_request_id: false,
    max_request_headers_kb: 8,
    internal_address_config: { cidr_ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }] },
    use_remote_address: false,
    stream_idle_timeout: '0.3s',
    request_headers_timeout: '0.2s',
    http_protocol_options: { allow_absolute_url: true },
    append_x_forwarded_port: true,
    strip_trailing_host_dot: true,
  },
} as const satisfies Readonly<Record<string, JsonObject>>;

export type ListenerName = keyof typeof LISTENERS;

const LOG: JsonObject = {
  method: '%REQ(:METHOD)%',
  path: '%REQ(:PATH)%',
  first_path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  authority: '%REQ(:AUTHORITY)%',
  protocol: '%PROTOCOL%',
  status: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  termination: '%CONNECTION_TERMINATION_DETAILS%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  cluster: '%UPSTREAM_CLUSTER%',
  host: '%UPSTREAM_HOST%',
  transport: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  route: '%ROUTE_NAME%',
  forwarded: '%REQ(X-FORWARDED-FOR)%',
  client: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  local: '%DOWNSTREAM_LOCAL_PORT%',
  direct: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%',
};

const type = (name: string, fields: JsonObject = {}): JsonObject => ({ '@type': `type.googleapis.com/${name}`, ...fields });
const address = (port: number): JsonObject => ({ socket_address: { address: '127.0.0.1', port_value: port } });
const header = (key: string, value: string, append_action = 'APPEND_IF_EXISTS_OR_ADD'): JsonObject => ({
  header: { key, value },
  append_action,
});

const RBAC = 'envoy.filters.http.rbac';
const FAULT = 'envoy.filters.http.fault';
const CORS = 'envoy.filters.http.cors';

const FILTERS: JsonValue[] = [
  { name: CORS, typed_config: type('envoy.extensions.filters.http.cors.v3.Cors') },
  { name: FAULT, typed_config: type('envoy.extensions.filters.http.fault.v3.HTTPFault') },
  { name: RBAC, typed_config: type('envoy.extensions.filters.http.rbac.v3.RBAC') },
  { name: 'envoy.filters.http.router', typed_config: type('envoy.extensions.filters.http.router.v3.Router') },
];

const rbac = (action: string, policies: JsonObject): JsonObject => ({
  [RBAC]: type('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', { rbac: { rules: { action, policies } } }),
});
const fault = (fields: JsonObject): JsonObject => ({ [FAULT]: type('envoy.extensions.filters.http.fault.v3.HTTPFault', fields) });
const ALWAYS = { numerator: 100 };
const ANY = [{ any: true }];

const ORIGIN = { cluster: 'origin' };

/** A route to the origin below `prefix`. */
const to = (prefix: string, action: JsonObject = {}, rest: JsonObject = {}): JsonObject => ({
  name: prefix.slice(1),
  match: { prefix },
  route: { ...ORIGIN, ...action },
  ...rest,
});
const redirect = (prefix: string, fields: JsonObject): JsonObject => ({ match: { prefix }, redirect: fields });
const retry = (prefix: string, retry_on: string, rest: JsonObject = {}, action: JsonObject = {}): JsonObject =>
  to(prefix, {
    retry_policy: { retry_on, retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' }, ...rest },
    ...action,
  });

const MATCHES: JsonObject[] = [
  { name: 'exact', match: { path: '/exact' }, route: ORIGIN },
  { name: 'folded', match: { path: '/FoLd', case_sensitive: false }, route: ORIGIN },
  { name: 'separated', match: { path_separated_prefix: '/sep' }, route: ORIGIN },
  { name: 'regex', match: { safe_regex: { regex: '/re/[0-9]+(/x)?' } }, route: ORIGIN },
  { name: 'by-method', match: { prefix: '/m', headers: [{ name: ':method', string_match: { exact: 'DELETE' } }] }, route: ORIGIN },
  { name: 'by-header', match: { prefix: '/m', headers: [{ name: 'x-user', string_match: { prefix: 'ann' } }] }, route: ORIGIN },
  { name: 'by-range', match: { prefix: '/m', headers: [{ name: 'x-age', range_match: { start: 10, end: 20 } }] }, route: ORIGIN },
  {
    name: 'by-absence',
    match: { prefix: '/m/none', headers: [{ name: 'x-user', present_match: true, invert_match: true }] },
    route: ORIGIN,
  },
  { name: 'by-query', match: { prefix: '/m', query_parameters: [{ name: 'v', string_match: { exact: '2' } }] }, route: ORIGIN },
  { name: 'by-query-presence', match: { prefix: '/m', query_parameters: [{ name: 'p', present_match: true }] }, route: ORIGIN },
  { name: 'grpc-only', match: { prefix: '/m', grpc: {} }, route: ORIGIN },
];

const REWRITES: JsonObject[] = [
  to('/prefix-rewrite/', { prefix_rewrite: '/new/' }),
  to('/regex-rewrite', { regex_rewrite: { pattern: { regex: '^/regex-rewrite/([^/]+)/(.*)$' }, substitution: '/\\2/at/\\1' } }),
  to('/host-literal', { host_rewrite_literal: 'other.test:99', append_x_forwarded_host: true }),
  to('/host-header', { host_rewrite_header: 'x-host' }),
  to('/host-regex', { host_rewrite_path_regex: { pattern: { regex: '^/host-regex/(.+)$' }, substitution: '\\1' } }),
];

const REDIRECTS: JsonObject[] = [
  redirect('/r/https', { https_redirect: true }),
  redirect('/r/scheme', { scheme_redirect: 'ftp' }),
  redirect('/r/host', { host_redirect: 'new.test' }),
  redirect('/r/port', { port_redirect: 8443, response_code: 'FOUND' }),
  redirect('/r/path', { path_redirect: '/there', response_code: 'SEE_OTHER' }),
  redirect('/r/query', { path_redirect: '/there?x=1', response_code: 'TEMPORARY_REDIRECT' }),
  redirect('/r/prefix', { prefix_rewrite: '/moved', response_code: 'PERMANENT_REDIRECT' }),
  redirect('/r/regex', { regex_rewrite: { pattern: { regex: '^/r/regex/(.*)$' }, substitution: '/\\1' } }),
  redirect('/r/strip', { host_redirect: 'new.test', strip_query: true }),
];

const HEADERS: JsonObject[] = [
  to(
    '/headers',
    {},
    {
      request_headers_to_add: [
        header('x-added', 'one'),
        header('x-both', 'route'),
        header('x-over', 'route', 'OVERWRITE_IF_EXISTS_OR_ADD'),
        header('x-absent', 'route', 'ADD_IF_ABSENT'),
        header('x-exists', 'route', 'OVERWRITE_IF_EXISTS'),
        header('x-vars', '%PROTOCOL% %REQ(x-user)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %REQ(:path)% 100%%'),
        header('x-empty', '%REQ(x-nobody)%'),
      ],
      request_headers_to_remove: ['x-gone'],
      response_headers_to_add: [
        header('x-code', '%RESPONSE_CODE% %ROUTE_NAME% %RESPONSE_FLAGS%'),
        header('x-both', 'route'),
        header('x-from', '%REQ(x-user)%|%UPSTREAM_CLUSTER%'),
      ],
      response_headers_to_remove: ['x-secret', 'x-envoy-upstream-service-time'],
    },
  ),
];

const RETRIES: JsonObject[] = [
  retry('/retry/5xx', '5xx', { num_retries: 2 }),
  retry('/retry/gateway', 'gateway-error', { num_retries: 1 }),
  retry('/retry/reset', 'reset', { num_retries: 2 }),
  retry('/retry/dead', 'connect-failure', { num_retries: 2 }, { cluster: 'dead' }),
  retry('/retry/codes', 'retriable-status-codes', { num_retries: 3, retriable_status_codes: [418, 404] }),
  retry('/retry/4xx', 'retriable-4xx', { num_retries: 1 }),
  retry('/retry/headers', 'retriable-headers', {
    num_retries: 1,
    retriable_headers: [{ name: 'x-try-again', string_match: { exact: 'yes' } }],
    retriable_request_headers: [{ name: 'x-may-retry', present_match: true }],
  }),
  retry('/retry/try-timeout', '5xx', { num_retries: 1, per_try_timeout: '0.1s' }, { timeout: '1s' }),
  retry('/retry/none', '', {}),
];

const ERRORS: JsonObject[] = [
  to('/slow', { timeout: '0.15s' }),
  to('/dead', { cluster: 'dead' }),
  to('/empty', { cluster: 'empty' }),
  to('/full', { cluster: 'full' }),
  to('/no-cluster', { cluster: 'nobody' }),
  to('/no-cluster-404', { cluster: 'nobody', cluster_not_found_response_code: 'NOT_FOUND' }),
  { name: 'by-cluster-header', match: { prefix: '/cluster-header' }, route: { cluster_header: 'x-cluster' } },
];

const POLICIES: JsonObject[] = [
  to(
    '/allow',
    {},
    {
      typed_per_filter_config: rbac('ALLOW', {
        some: { permissions: ANY, principals: [{ header: { name: 'x-user', string_match: { exact: 'ann' } } }] },
      }),
    },
  ),
  to(
    '/deny',
    {},
    {
      typed_per_filter_config: rbac('DENY', {
        'no-posts': { permissions: [{ header: { name: ':method', string_match: { exact: 'POST' } } }], principals: ANY },
      }),
    },
  ),
  to(
    '/paths',
    {},
    {
      typed_per_filter_config: rbac('ALLOW', {
        'one path': { permissions: [{ url_path: { path: { exact: '/paths/open' } } }], principals: ANY },
      }),
    },
  ),
  to(
    '/near',
    {},
    {
      typed_per_filter_config: rbac('ALLOW', {
        local: { permissions: ANY, principals: [{ direct_remote_ip: { address_prefix: '127.0.0.0', prefix_len: 8 } }] },
      }),
    },
  ),
  to(
    '/far',
    {},
    {
      typed_per_filter_config: rbac('ALLOW', {
        far: { permissions: ANY, principals: [{ remote_ip: { address_prefix: '10.0.0.0', prefix_len: 8 } }] },
      }),
    },
  ),
  to(
    '/not',
    {},
    {
      typed_per_filter_config: rbac('DENY', {
        strangers: { permissions: ANY, principals: [{ not_id: { header: { name: 'x-user', present_match: true } } }] },
      }),
    },
  ),
  to('/fault/abort', {}, { typed_per_filter_config: fault({ abort: { http_status: 418, percentage: ALWAYS } }) }),
  to('/fault/delay', {}, { typed_per_filter_config: fault({ delay: { fixed_delay: '0.05s', percentage: ALWAYS } }) }),
  to(
    '/fault/both',
    {},
    {
      typed_per_filter_config: fault({
        delay: { fixed_delay: '0.02s', percentage: ALWAYS },
        abort: { http_status: 503, percentage: ALWAYS },
      }),
    },
  ),
  to(
    '/fault/some',
    {},
    {
      typed_per_filter_config: fault({
        abort: { http_status: 500, percentage: ALWAYS },
        headers: [{ name: 'x-fail', present_match: true }],
      }),
    },
  ),
  to(
    '/cors',
    {},
    {
      typed_per_filter_config: {
        [CORS]: type('envoy.extensions.filters.http.cors.v3.CorsPolicy', {
          allow_origin_string_match: [{ exact: 'https://good.test' }],
          allow_methods: 'GET,PUT',
          allow_headers: 'x-a',
          expose_headers: 'x-b',
          max_age: '60',
          allow_credentials: true,
        }),
      },
    },
  ),
];

const weighted = (name: string, weight: number): JsonObject => ({
  name: 'origin',
  weight,
  request_headers_to_add: [header('x-part', name)],
  response_headers_to_add: [header('x-part', name)],
});

const ROUTES: JsonObject[] = [
  ...MATCHES,
  ...REWRITES,
  ...REDIRECTS,
  ...HEADERS,
  ...RETRIES,
  ...ERRORS,
  ...POLICIES,
  {
    name: 'direct',
    match: { prefix: '/direct' },
    direct_response: { status: 299, body: { inline_string: 'straight' } },
    response_headers_to_add: [header('x-how', 'direct')],
  },
  { match: { prefix: '/bare' }, direct_response: { status: 204 } },
  { name: 'weighted', match: { prefix: '/weighted' }, route: { weighted_clusters: { clusters: [weighted('a', 1), weighted('b', 1)] } } },
  { name: 'one-sided', match: { prefix: '/one-sided' }, route: { weighted_clusters: { clusters: [weighted('a', 0), weighted('b', 1)] } } },
  to('/mirror', { request_mirror_policies: [{ cluster: 'origin' }] }),
  to('/idle', { idle_timeout: '0.1s' }),
  to('/no-upgrade', { upgrade_configs: [{ upgrade_type: 'websocket', enabled: false }] }),
  { match: { prefix: '/probe' }, direct_response: { status: 200, body: { inline_string: 'probe' } } },
];

const HOSTS: JsonObject[] = [
  {
    name: 'exact-host',
    domains: ['exact.test'],
    routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'exact' } } }],
  },
  {
    name: 'suffix-host',
    domains: ['*.suffix.test'],
    routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'suffix' } } }],
  },
  {
    name: 'prefix-host',
    domains: ['prefix.*'],
    routes: [{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'prefix' } } }],
  },
  { name: 'tls-host', domains: ['tls.test'], require_tls: 'ALL', routes: [{ match: { prefix: '/' }, route: ORIGIN }] },
  { name: 'narrow-host', domains: ['narrow.test'], routes: [{ match: { path: '/only' }, route: ORIGIN }] },
  {
    name: 'counting-host',
    domains: ['counting.test'],
    include_request_attempt_count: true,
    include_attempt_count_in_response: true,
    request_headers_to_add: [header('x-both', 'host')],
    response_headers_to_add: [header('x-both', 'host')],
    routes: [...HEADERS, ...RETRIES, { match: { prefix: '/probe' }, direct_response: { status: 200 } }, to('/')],
  },
  { name: 'everything', domains: ['*'], routes: [...ROUTES, { name: 'rest', match: { prefix: '/' }, route: ORIGIN }] },
];

function listener(name: ListenerName, logFile: string): JsonObject {
  const { http_protocol_options: http1 = {}, ...own } = LISTENERS[name] as JsonObject & { http_protocol_options?: JsonObject };
  const manager = type('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: name,
    delayed_close_timeout: '0.05s',
    http_filters: FILTERS,
    route_config: {
      name: 'all',
      validate_clusters: false,
      request_headers_to_add: [header('x-both', 'table')],
      response_headers_to_add: [header('x-both', 'table')],
      virtual_hosts: HOSTS,
    },
    access_log: [
      {
        name: 'envoy.access_loggers.file',
        typed_config: type('envoy.extensions.access_loggers.file.v3.FileAccessLog', { path: logFile, log_format: { json_format: LOG } }),
      },
    ],
    http_protocol_options: http1,
    ...own,
  });
  return {
    name,
    address: address(0),
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }],
  };
}

function cluster(name: string, ports: readonly number[], rest: JsonObject = {}): JsonObject {
  const endpoints = ports.map((port) => ({ endpoint: { address: address(port) } }));
  return {
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': type('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', {
        explicit_http_config: { http_protocol_options: { enable_trailers: true } },
      }),
    },
    ...rest,
  };
}

/** Cases run side by side: none must fill a cluster for the others. */
const ROOM: JsonObject = { circuit_breakers: { thresholds: [{ max_retries: 1000 }] } };

/** The whole bootstrap as JSON. */
export function bootstrap(ports: Ports, logFile: string): JsonObject {
  return {
    node: { id: 'compare', cluster: 'compare' },
    admin: { address: address(ports.admin) },
    static_resources: {
      listeners: (Object.keys(LISTENERS) as ListenerName[]).map((name) => listener(name, logFile)),
      clusters: [
        cluster('origin', [ports.origin], ROOM),
        cluster('dead', [ports.dead], ROOM),
        cluster('empty', []),
        cluster('full', [ports.origin], { circuit_breakers: { thresholds: [{ max_pending_requests: 0 }] } }),
      ],
    },
  };
}
