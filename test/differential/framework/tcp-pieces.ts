/** Pieces of bootstraps for TCP proxies, internal listeners and tunnels. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { type Listener, logFile, type World } from './bootstrap.ts';
import { type } from './pieces.ts';

/** The access log's fields of a TCP connection; `direct` and `local` tell whose it is. */
const LOG: JsonObject = {
  what: 'tcp',
  flags: '%RESPONSE_FLAGS%',
  cluster: '%UPSTREAM_CLUSTER%',
  host: '%UPSTREAM_HOST%',
  direct: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%',
  local: '%DOWNSTREAM_LOCAL_PORT%',
};

/** An access log of connections, with these fields besides. */
export function tcpLog(world: World, fields: JsonObject): JsonValue[] {
  const format = { json_format: { ...LOG, ...fields } };
  const file = type('envoy.extensions.access_loggers.file.v3.FileAccessLog', { path: logFile(world), log_format: format });
  return [{ name: 'envoy.access_loggers.file', typed_config: file }];
}

/** The network filter tcp_proxy. */
export const tcpProxy = (target: string, fields: JsonObject = {}): JsonObject => ({
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: type('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: 'tcp', cluster: target, ...fields }),
});

/** A listener that carries bytes to a cluster, and logs. */
export const tcpListener = (world: World, target: string, fields: JsonObject = {}, log: JsonObject = {}): Listener => ({
  chain: { filters: [tcpProxy(target, { access_log: tcpLog(world, log), ...fields })] },
});

/** The listener filter original_dst. */
export const ORIGINAL_DST: JsonObject = {
  name: 'envoy.filters.listener.original_dst',
  typed_config: type('envoy.extensions.filters.listener.original_dst.v3.OriginalDst'),
};

/** A listener as one within the process, of the same name. */
export const internal = (listener: Listener, fields: JsonObject = {}): Listener => ({
  ...listener,
  listener: { address: null, internal_listener: {}, ...fields },
});

/** What a bootstrap needs for internal listeners. */
export const INTERNAL_LISTENERS: JsonObject = {
  bootstrap_extensions: [
    {
      name: 'envoy.bootstrap.internal_listener',
      typed_config: type('envoy.extensions.bootstrap.internal_listener.v3.InternalListener'),
    },
  ],
};

/** The transport socket to internal listeners; `sources` are kinds and namespaces of metadata that go along. */
export const internalUpstream = (sources: readonly (readonly [kind: 'host' | 'cluster', name: string])[] = []): JsonObject => ({
  transport_socket: {
    name: 'envoy.transport_sockets.internal_upstream',
    typed_config: type('envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport', {
      passthrough_metadata: sources.map(([kind, name]) => ({ kind: { [kind]: {} }, name })),
      transport_socket: {
        name: 'envoy.transport_sockets.raw_buffer',
        typed_config: type('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'),
      },
    }),
  },
});

/** A cluster of one endpoint: the internal listener `listener`, with metadata of its own. */
export const toInternal = (name: string, listener: string, metadata: JsonObject = {}, fields: JsonObject = {}): JsonObject => ({
  name,
  type: 'STATIC',
  connect_timeout: '20s',
  load_assignment: {
    cluster_name: name,
    endpoints: [
      {
        lb_endpoints: [
          {
            endpoint: { address: { envoy_internal_address: { server_listener_name: listener, endpoint_id: 'one' } } },
            metadata: { filter_metadata: metadata },
          },
        ],
      },
    ],
  },
  ...fields,
});
