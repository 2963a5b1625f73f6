/** What to write instead of filters that people put into proxies and Tulle's proxies do not have, and instead of old names. */

const INSTEAD: readonly (readonly [prefix: string, advice: string])[] = [
  [
    'envoy.extensions.filters.http.lua.',
    'Tulle runs no Lua: for headers use envoy.extensions.filters.http.header_mutation.v3.HeaderMutation or headers of a VirtualService, for decisions envoy.extensions.filters.http.ext_authz.v3.ExtAuthz or an AuthorizationPolicy',
  ],
  [
    'envoy.extensions.filters.http.wasm.',
    'Tulle runs no WebAssembly: for decisions use envoy.extensions.filters.http.ext_authz.v3.ExtAuthz',
  ],
  ['envoy.extensions.filters.network.wasm.', 'Tulle runs no WebAssembly'],
  [
    'envoy.extensions.filters.http.ext_proc.',
    'for decisions use envoy.extensions.filters.http.ext_authz.v3.ExtAuthz, for headers envoy.extensions.filters.http.header_mutation.v3.HeaderMutation',
  ],
  [
    'envoy.extensions.filters.http.ratelimit.',
    'there is no global rate limit: envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit limits each proxy',
  ],
  ['envoy.extensions.filters.network.ratelimit.', 'envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit limits each proxy'],
  ['envoy.extensions.filters.http.gzip.', 'use envoy.extensions.filters.http.compressor.v3.Compressor'],
  ['envoy.config.filter.', 'it is of an old version of the API: use the v3 type (envoy.extensions.…)'],
  ['envoy.api.v2.', 'it is of an old version of the API: use the v3 type (envoy.config.…)'],
];

/** Advice for a message type that Tulle does not have; '' where there is none. */
export function adviceFor(typeName: string): string {
  return INSTEAD.find(([prefix]) => typeName.startsWith(prefix))?.[1] ?? '';
}

const OLD_NAMES: Readonly<Record<string, string>> = {
  'envoy.buffer': 'envoy.filters.http.buffer',
  'envoy.cors': 'envoy.filters.http.cors',
  'envoy.csrf': 'envoy.filters.http.csrf',
  'envoy.ext_authz': 'envoy.filters.http.ext_authz',
  'envoy.fault': 'envoy.filters.http.fault',
  'envoy.grpc_web': 'envoy.filters.http.grpc_web',
  'envoy.health_check': 'envoy.filters.http.health_check',
  'envoy.router': 'envoy.filters.http.router',
  'envoy.listener.http_inspector': 'envoy.filters.listener.http_inspector',
  'envoy.listener.original_dst': 'envoy.filters.listener.original_dst',
  'envoy.listener.proxy_protocol': 'envoy.filters.listener.proxy_protocol',
  'envoy.listener.tls_inspector': 'envoy.filters.listener.tls_inspector',
  'envoy.http_connection_manager': 'envoy.filters.network.http_connection_manager',
  'envoy.tcp_proxy': 'envoy.filters.network.tcp_proxy',
};

/** The name that a filter has now, where `name` is what it once was called. */
export function presentName(name: string): string | undefined {
  return Object.hasOwn(OLD_NAMES, name) ? OLD_NAMES[name] : undefined;
}
