/**
 * The configuration under test, as an Envoy bootstrap that Tulle and Envoy both read: 20 virtual hosts of 10 routes,
 * retries, timeouts, five RBAC policies, request ids and trace headers, an access log of 1 % of the requests.
 */
import { stringify } from 'yaml';
import { type Telemetry, telemetryClusters, telemetryFields, telemetryFilters } from './telemetry-config.ts';

/** Which side speaks mutual TLS, and how. */
interface TlsOptions {
  readonly side: 'upstream' | 'downstream';
  readonly alpn: readonly string[];
  /** Where cert.pem, key.pem and ca.pem are. */
  readonly folder: string;
  /** Sessions are resumed: the default of Envoy, and of Istio. */
  readonly isResuming?: boolean;
  /** Groups of the key exchange, where not those by default. */
  readonly groups?: readonly string[];
}

export interface SidecarOptions {
  readonly listen: number;
  readonly upstream: number;
  readonly admin: number;
  readonly kind: 'http' | 'tcp';
  readonly tls?: TlsOptions;
  /** The upstream gets HTTP/2; otherwise HTTP/1.1. */
  readonly isUpstreamHttp2?: boolean;
  /** One more virtual host of this many routes; the last is the one that `SCALE_HOST` and `routePath` name. */
  readonly routes?: number;
  /** This many clusters more, each with a virtual host named by `clusterHost`. */
  readonly clusters?: number;
  /** Tulle's own filters beside those that a stock Envoy has: Istio's metrics. */
  readonly isTulle: boolean;
  /** What tells of requests; `usual` where absent. */
  readonly telemetry?: Telemetry;
  /** Where every request is logged, with all of it. */
  readonly logFile?: string;
  /** Servers that take spans and flows. */
  readonly collectors?: { readonly http: number; readonly grpc: number };
}

const TYPE = 'type.googleapis.com/envoy';
/** The virtual host of `routes`. */
export const SCALE_HOST = 'scale';
/** The path that route number `index` of `SCALE_HOST` matches. */
export const routePath = (index: number): string => `/r${index}/items/42`;
/** The virtual host of cluster number `index`. */
export const clusterHost = (index: number): string => `c${index}.shop.svc.cluster.local`;

const HOSTS = ['reviews', 'ratings', 'details', 'productpage', ...Array.from({ length: 16 }, (_, i) => `svc${i}`)];

function to(match: object, cluster = 'upstream'): object {
  return {
    match,
    route: {
      cluster,
      timeout: '15s',
      retry_policy: {
        retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
        num_retries: 2,
        retriable_status_codes: [503],
        retry_host_predicate: [
          {
            name: 'envoy.retry_host_predicates.previous_hosts',
            typed_config: { '@type': `${TYPE}.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate` },
          },
        ],
        host_selection_retry_max_attempts: 5,
      },
    },
  };
}

function routes(): object[] {
  const tenant = [{ name: 'x-tenant', string_match: { exact: 'canary' } }];
  return [
    to({ path: '/healthz' }),
    to({ prefix: '/static/' }),
    to({ safe_regex: { regex: '/v[0-9]+/items/[0-9]+' } }),
    to({ prefix: '/admin/' }),
    to({ prefix: '/api/', headers: tenant }),
    to({ safe_regex: { regex: '/api/v[0-9]+/users/.*' } }),
    to({ prefix: '/api/v2/' }),
    to({ prefix: '/api/v1/' }),
    to({ path: '/' }),
    to({ prefix: '/' }),
  ];
}

function virtualHosts(options: SidecarOptions): object[] {
  const hosts = HOSTS.map((host) => ({
    name: `${host}:80`,
    domains: [host, `${host}:80`, `${host}.shop`, `${host}.shop.svc`, `${host}.shop.svc.cluster.local`],
    routes: routes(),
  }));
  const many = Array.from({ length: options.routes ?? 0 }, (_, i) => to({ prefix: `/r${i}/` }));
  const clusters = Array.from({ length: options.clusters ?? 0 }, (_, i) => ({
    name: `c${i}:80`,
    domains: [clusterHost(i), `${clusterHost(i)}:80`],
    routes: [to({ prefix: '/' }, `c${i}`)],
  }));
  return [...hosts, ...(many.length === 0 ? [] : [{ name: SCALE_HOST, domains: [SCALE_HOST], routes: many }]), ...clusters];
}

function rbac(): object {
  const policies: Record<string, object> = {};
  for (let i = 0; i < 5; i++) {
    policies[`ns[shop]-policy[p${i}]-rule[0]`] = {
      permissions: [
        {
          and_rules: {
            rules: [
              {
                or_rules: {
                  rules: [
                    { header: { name: ':method', string_match: { exact: 'GET' } } },
                    { header: { name: ':method', string_match: { exact: 'POST' } } },
                  ],
                },
              },
              {
                or_rules: {
                  rules: [
                    { url_path: { path: { prefix: i === 3 ? '/' : `/private/v${i}/` } } },
                    { url_path: { path: { prefix: '/pub/' } } },
                  ],
                },
              },
            ],
          },
        },
      ],
      principals: [{ any: true }],
    };
  }
  return {
    name: 'envoy.filters.http.rbac',
    typed_config: { '@type': `${TYPE}.extensions.filters.http.rbac.v3.RBAC`, rules: { action: 'ALLOW', policies } },
  };
}

function httpFilter(options: SidecarOptions): object {
  const { telemetry = 'usual', logFile = '/dev/null' } = options;
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: 'bench',
      use_remote_address: false,
      generate_request_id: true,
      normalize_path: true,
      stream_idle_timeout: '0s',
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      ...telemetryFields(telemetry, logFile),
      route_config: {
        name: 'bench',
        virtual_hosts: virtualHosts(options),
      },
      http_filters: [
        rbac(),
        ...telemetryFilters(telemetry, options.isTulle),
        { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.extensions.filters.http.router.v3.Router` } },
      ],
    },
  };
}

const TCP_FILTER = {
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: { '@type': `${TYPE}.extensions.filters.network.tcp_proxy.v3.TcpProxy`, stat_prefix: 'bench', cluster: 'upstream' },
};

const loopback = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

const NO_TICKETS = { disable_stateless_session_resumption: true, disable_stateful_session_resumption: true };

function transport({ side, alpn, folder, isResuming = true, groups }: TlsOptions): object {
  const isServer = side === 'downstream';
  const resumption = isServer ? NO_TICKETS : { max_session_keys: 0 };
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${TYPE}.extensions.transport_sockets.tls.v3.${isServer ? 'Downstream' : 'Upstream'}TlsContext`,
      ...(isServer ? { require_client_certificate: true } : { sni: 'reviews' }),
      ...(isResuming ? {} : resumption),
      common_tls_context: {
        tls_params: {
          tls_minimum_protocol_version: 'TLSv1_3',
          tls_maximum_protocol_version: 'TLSv1_3',
          ...(groups === undefined ? {} : { ecdh_curves: groups }),
        },
        alpn_protocols: alpn,
        tls_certificates: [{ certificate_chain: { filename: `${folder}/cert.pem` }, private_key: { filename: `${folder}/key.pem` } }],
        validation_context: {
          trusted_ca: { filename: `${folder}/ca.pem` },
          match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { prefix: 'spiffe://cluster.local/' } }],
        },
      },
    },
  };
}

const HTTP2_UPSTREAM = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`,
    explicit_http_config: { http2_protocol_options: {} },
  },
};

function cluster(name: string, options: SidecarOptions): object {
  const { tls } = options;
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    lb_policy: 'LEAST_REQUEST',
    circuit_breakers: {
      thresholds: [{ max_connections: 10000, max_pending_requests: 10000, max_requests: 10000, max_retries: 100 }],
    },
    outlier_detection: {
      consecutive_5xx: 5,
      interval: '10s',
      base_ejection_time: '30s',
      max_ejection_percent: 10,
      enforcing_success_rate: 0,
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: loopback(options.upstream) } }] }],
    },
    ...(options.isUpstreamHttp2 === true ? { typed_extension_protocol_options: HTTP2_UPSTREAM } : {}),
    ...(tls?.side === 'upstream' ? { transport_socket: transport(tls) } : {}),
  };
}

/** The bootstrap as YAML text. */
export function sidecarBootstrap(options: SidecarOptions): string {
  const { tls } = options;
  const more = Array.from({ length: options.clusters ?? 0 }, (_, i) => cluster(`c${i}`, options));
  const collectors = options.collectors === undefined ? [] : telemetryClusters(options.telemetry ?? 'usual', options.collectors);
  return stringify(
    {
      node: { id: 'sidecar~127.0.0.1~bench.shop~shop.svc.cluster.local', cluster: 'bench.shop' },
      admin: { address: loopback(options.admin) },
      static_resources: {
        listeners: [
          {
            name: 'bench',
            address: loopback(options.listen),
            traffic_direction: tls?.side === 'downstream' ? 'INBOUND' : 'OUTBOUND',
            filter_chains: [
              {
                filters: [options.kind === 'http' ? httpFilter(options) : TCP_FILTER],
                ...(tls?.side === 'downstream' ? { transport_socket: transport(tls) } : {}),
              },
            ],
          },
        ],
        clusters: [cluster('upstream', options), ...more, ...collectors],
      },
    },
    { aliasDuplicateObjects: false },
  );
}
