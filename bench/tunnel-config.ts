/**
 * TCP between two proxies as Tulle's control plane configures it: connections travel as streams of a few mTLS
 * connections (HBONE). The client's side asks for tunnels, the server's ends them. See docs/tcp-in-the-mesh.md.
 */

const TYPE = 'type.googleapis.com/envoy';
const DST = 'envoy.filters.listener.original_dst';
/** The port of the service, as the client's connection had it: nothing listens there. */
const SERVICE_PORT = 7000;

/** Where one side stands: where it listens, where it leads to, and the folder with the certificates. */
export interface TunnelSide {
  readonly listen: number;
  readonly upstream: number;
  readonly folder: string;
}

const any = (type: string, fields: object = {}): object => ({ '@type': `${TYPE}.${type}`, ...fields });
const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });
const inside = (listener: string): object => ({ envoy_internal_address: { server_listener_name: listener, endpoint_id: 'x' } });

function tls(side: 'Upstream' | 'Downstream', folder: string): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: any(`extensions.transport_sockets.tls.v3.${side}TlsContext`, {
      common_tls_context: {
        alpn_protocols: ['h2'],
        tls_certificates: [{ certificate_chain: { filename: `${folder}/cert.pem` }, private_key: { filename: `${folder}/key.pem` } }],
        validation_context: { trusted_ca: { filename: `${folder}/ca.pem` } },
      },
      ...(side === 'Downstream' ? { require_client_certificate: true } : {}),
    }),
  };
}

const cluster = (name: string, endpoint: object, fields: object = {}): object => ({
  name,
  type: 'STATIC',
  connect_timeout: '5s',
  load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint] }] },
  circuit_breakers: { thresholds: [{ max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 }] },
  ...fields,
});

const tcp = (target: string, fields: object = {}): object => ({
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: any('extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: target, cluster: target, ...fields }),
});

const internalSocket = (names: readonly string[]): object => ({
  transport_socket: {
    name: 'envoy.transport_sockets.internal_upstream',
    typed_config: any('extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport', {
      passthrough_metadata: names.map((name) => ({ kind: { host: {} }, name })),
      transport_socket: { name: 'raw', typed_config: any('extensions.transport_sockets.raw_buffer.v3.RawBuffer') },
    }),
  },
});

const originalDst = { name: DST, typed_config: any('extensions.filters.listener.original_dst.v3.OriginalDst') };

function bootstrap(id: string, listeners: readonly object[], clusters: readonly object[]): string {
  const type = 'extensions.bootstrap.internal_listener.v3.InternalListener';
  return JSON.stringify({
    node: { id, cluster: 'bench' },
    bootstrap_extensions: [{ name: 'envoy.bootstrap.internal_listener', typed_config: any(type) }],
    static_resources: { listeners, clusters },
  });
}

/** The client's bootstrap as JSON: `outbound` leads to the internal listener that asks for tunnels. */
export function tunnelClient({ listen, upstream, folder }: TunnelSide): string {
  const endpoint = {
    endpoint: { address: inside('connect_originate') },
    metadata: { filter_metadata: { [DST]: { local: `127.0.0.1:${SERVICE_PORT}`, waypoint: `127.0.0.1:${upstream}` } } },
  };
  const http2 = any('extensions.upstreams.http.v3.HttpProtocolOptions', { explicit_http_config: { http2_protocol_options: {} } });
  return bootstrap(
    'client',
    [
      { name: 'in', address: address(listen), filter_chains: [{ filters: [tcp('outbound')] }] },
      {
        name: 'connect_originate',
        internal_listener: {},
        listener_filters: [originalDst],
        filter_chains: [{ filters: [tcp('connect_originate', { tunneling_config: { hostname: '%DOWNSTREAM_LOCAL_ADDRESS%' } })] }],
      },
    ],
    [
      cluster('outbound', endpoint, internalSocket([DST])),
      {
        ...cluster('connect_originate', {}),
        type: 'ORIGINAL_DST',
        lb_policy: 'CLUSTER_PROVIDED',
        load_assignment: undefined,
        original_dst_lb_config: { metadata_key: { key: DST, path: [{ key: 'waypoint' }] } },
        transport_socket: tls('Upstream', folder),
        typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
      },
    ],
  );
}

/** The connection manager that ends tunnels, and hands what they carry to the internal listener. */
function terminator(): object {
  const state = (key: string, text: string, factory: string): object => ({
    object_key: key,
    factory_key: factory,
    format_string: { text_format_source: { inline_string: text } },
    shared_with_upstream: 'ONCE',
  });
  return any('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'terminate',
    http2_protocol_options: { allow_connect: true },
    upgrade_configs: [{ upgrade_type: 'CONNECT' }],
    http_filters: [
      {
        name: 'connect_authority',
        typed_config: any('extensions.filters.http.set_filter_state.v3.Config', {
          on_request_headers: [
            state(`${DST}.local_ip`, '%REQ(:AUTHORITY)%', ''),
            state('io.istio.peer_principal', '%DOWNSTREAM_PEER_URI_SAN%', 'envoy.string'),
          ],
        }),
      },
      { name: 'envoy.filters.http.router', typed_config: any('extensions.filters.http.router.v3.Router') },
    ],
    route_config: {
      name: 'r',
      virtual_hosts: [
        {
          name: 'v',
          domains: ['*'],
          routes: [
            {
              match: { connect_matcher: {} },
              route: { cluster: 'main_internal', timeout: '0s', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
            },
          ],
        },
      ],
    },
  });
}

/** The server's bootstrap as JSON: tunnels end, and go on to the application. */
export function tunnelServer({ listen, upstream, folder }: TunnelSide): string {
  return bootstrap(
    'server',
    [
      {
        name: 'connect_terminate',
        address: address(listen),
        filter_chains: [
          {
            filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: terminator() }],
            transport_socket: tls('Downstream', folder),
          },
        ],
      },
      {
        name: 'main_internal',
        internal_listener: {},
        listener_filters: [originalDst],
        filter_chains: [{ filter_chain_match: { destination_port: SERVICE_PORT }, filters: [tcp('app')] }],
      },
    ],
    [
      cluster('main_internal', { endpoint: { address: inside('main_internal') } }, internalSocket([])),
      cluster('app', { endpoint: { address: address(upstream) } }),
    ],
  );
}
