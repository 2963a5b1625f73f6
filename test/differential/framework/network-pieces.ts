/** Pieces of bootstraps for TCP topics. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { type Listener, logFile, type World } from './bootstrap.ts';
import { cluster, type } from './pieces.ts';

/** Fields of a connection's access log. `direct` and `local` find a case's line. */
const TCP_LOG: JsonObject = {
  direct: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%',
  local: '%DOWNSTREAM_DIRECT_LOCAL_PORT%',
  listener_port: '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%',
  client: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  flags: '%RESPONSE_FLAGS%',
  long: '%RESPONSE_FLAGS_LONG%',
  details: '%RESPONSE_CODE_DETAILS%',
  code: '%RESPONSE_CODE%',
  protocol: '%PROTOCOL%',
  termination: '%CONNECTION_TERMINATION_DETAILS%',
  closed: '%DOWNSTREAM_LOCAL_CLOSE_REASON%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
  wire: '%UPSTREAM_WIRE_BYTES_SENT%/%UPSTREAM_WIRE_BYTES_RECEIVED%/%DOWNSTREAM_WIRE_BYTES_SENT%/%DOWNSTREAM_WIRE_BYTES_RECEIVED%',
  cluster: '%UPSTREAM_CLUSTER%',
  host: '%UPSTREAM_HOST%',
  remote: '%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  own: '%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%',
  transport: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  name: '%REQUESTED_SERVER_NAME%',
  chain: '%FILTER_CHAIN_NAME%',
  kind: '%ACCESS_LOG_TYPE%',
};

/** A file access log of these fields, for `access_log`. */
export function tcpLog(world: World, fields: JsonObject = {}): JsonValue {
  const file = type('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
    path: logFile(world),
    log_format: { json_format: { ...TCP_LOG, ...fields } },
  });
  return [{ name: 'envoy.access_loggers.file', typed_config: file }];
}

/** A network filter: `networkFilter('echo', 'echo.v3.Echo')`, with its usual name. */
export const networkFilter = (name: string, message: string, fields: JsonObject = {}): JsonObject => ({
  name: `envoy.filters.network.${name}`,
  typed_config: type(`envoy.extensions.filters.network.${message}`, fields),
});

/** A TCP proxy with the access log; `target` is a cluster's name, or fields in its place. */
export function tcpProxy(world: World, target: string | JsonObject, fields: JsonObject = {}): JsonObject {
  const specifier = typeof target === 'string' ? { cluster: target } : target;
  return networkFilter('tcp_proxy', 'tcp_proxy.v3.TcpProxy', { stat_prefix: 'tcp', access_log: tcpLog(world), ...specifier, ...fields });
}

/** A listener of these network filters. */
export const tcpListener = (filters: readonly JsonValue[], chain: JsonObject = {}, listener: JsonObject = {}): Listener => ({
  chain: { filters: [...filters], ...chain },
  listener,
});

/** Clusters of all TCP servers, by their names. */
export const tcpClusters = (world: World): JsonObject[] =>
  Object.entries(world.servers).map(([name, port]) => cluster(name, [port], { typed_extension_protocol_options: {} }));
