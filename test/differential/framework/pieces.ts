/** Pieces of bootstraps, as topics put them together. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

/** A message with its type, for a field of `Any`. */
export const type = (name: string, fields: JsonObject = {}): JsonObject => ({ '@type': `type.googleapis.com/${name}`, ...fields });

/** An address of loopback. */
export const address = (port: number): JsonObject => ({ socket_address: { address: '127.0.0.1', port_value: port } });

/** A HeaderValueOption. */
export const header = (key: string, value: string, append_action = 'APPEND_IF_EXISTS_OR_ADD'): JsonObject => ({
  header: { key, value },
  append_action,
});

/** An HTTP filter: `httpFilter('csrf', 'csrf.v3.CsrfPolicy', { ... })`, with its usual name. */
export const httpFilter = (name: string, message: string, fields: JsonObject = {}): JsonObject => ({
  name: `envoy.filters.http.${name}`,
  typed_config: type(`envoy.extensions.filters.http.${message}`, fields),
});

/** `typed_per_filter_config` for one filter. */
export const perFilter = (name: string, message: string, fields: JsonObject = {}): JsonObject => ({
  [`envoy.filters.http.${name}`]: type(`envoy.extensions.filters.http.${message}`, fields),
});

/** The cluster that leads to the origin by HTTP/1.1, as a RouteAction. */
export const ORIGIN = { cluster: 'origin' };

/** A route to the origin below `prefix`, named as that. */
export const to = (prefix: string, action: JsonObject = {}, rest: JsonObject = {}): JsonObject => ({
  name: prefix.slice(1),
  match: { prefix },
  route: { ...ORIGIN, ...action },
  ...rest,
});

/** A route that answers by itself. */
export const direct = (prefix: string, status: number, body = '', rest: JsonObject = {}): JsonObject => ({
  match: { prefix },
  direct_response: { status, ...(body === '' ? {} : { body: { inline_string: body } }) },
  ...rest,
});

/** A route that retries without waiting for long. */
export const retry = (prefix: string, retry_on: string, rest: JsonObject = {}, action: JsonObject = {}): JsonObject =>
  to(prefix, {
    retry_policy: { retry_on, retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' }, ...rest },
    ...action,
  });

/** Options of a cluster's HTTP: HttpProtocolOptions. */
export const httpOptions = (fields: JsonObject): JsonObject => ({
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': type('envoy.extensions.upstreams.http.v3.HttpProtocolOptions', fields),
});

const HTTP1 = httpOptions({ explicit_http_config: { http_protocol_options: { enable_trailers: true } } });

/** A cluster of hosts on loopback, by HTTP/1.1 where `rest` does not say otherwise. */
export function cluster(name: string, ports: readonly number[], rest: JsonObject = {}): JsonObject {
  const endpoints: JsonValue[] = ports.map((port) => ({ endpoint: { address: address(port) } }));
  return {
    name,
    type: 'STATIC',
    connect_timeout: '20s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] },
    typed_extension_protocol_options: HTTP1,
    ...rest,
  };
}

/** A cluster by HTTP/2 with prior knowledge. */
export const h2Cluster = (name: string, ports: readonly number[], rest: JsonObject = {}, options: JsonObject = {}): JsonObject =>
  cluster(name, ports, {
    ...ROOM,
    typed_extension_protocol_options: httpOptions({ explicit_http_config: { http2_protocol_options: options } }),
    ...rest,
  });

/** Cases run side by side: none must fill a cluster for the others. */
export const ROOM: JsonObject = { circuit_breakers: { thresholds: [{ max_retries: 1000 }] } };
