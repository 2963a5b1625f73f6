/** What of an HTTP connection manager tells of requests, and where to: as usual in these benchmarks, all of it, or nothing. */

/** `all`: Istio's metrics, a line for every request, 1 % of them traced and 1 % told of as flows. */
export type Telemetry = 'usual' | 'all' | 'none';

const TYPE = 'type.googleapis.com/envoy';

const ISTIO_STATS = {
  name: 'istio.stats',
  typed_config: { '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct', type_url: 'type.googleapis.com/stats.PluginConfig', value: {} },
};

const sampled = (numerator: number): object => ({
  runtime_filter: { runtime_key: 'bench', percent_sampled: { numerator, denominator: 'HUNDRED' } },
});

const fileLog = (path: string): object => ({
  name: 'envoy.access_loggers.file',
  typed_config: { '@type': `${TYPE}.extensions.access_loggers.file.v3.FileAccessLog`, path },
});

/** Cluster names of where spans and flows go. */
const SPANS = 'spans';
const FLOWS = 'flows';

const FLOW_LOG = {
  name: 'envoy.access_loggers.http_grpc',
  filter: sampled(1),
  typed_config: {
    '@type': `${TYPE}.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig`,
    common_config: { log_name: 'flows', transport_api_version: 'V3', grpc_service: { envoy_grpc: { cluster_name: FLOWS } } },
  },
};

const TRACING = {
  random_sampling: { value: 1 },
  provider: {
    name: 'envoy.tracers.opentelemetry',
    typed_config: {
      '@type': `${TYPE}.config.trace.v3.OpenTelemetryConfig`,
      service_name: 'bench',
      http_service: { http_uri: { uri: 'http://spans/v1/traces', cluster: SPANS, timeout: '1s' } },
    },
  },
};

/** Filters before the router that tell of requests. */
export function telemetryFilters(telemetry: Telemetry, isTulle: boolean): object[] {
  return isTulle && telemetry !== 'none' ? [ISTIO_STATS] : [];
}

/** Fields of the connection manager. */
export function telemetryFields(telemetry: Telemetry, logFile: string): object {
  switch (telemetry) {
    case 'usual':
      return { access_log: [{ ...fileLog('/dev/null'), filter: sampled(1) }] };
    case 'all':
      return { access_log: [fileLog(logFile), FLOW_LOG], tracing: TRACING };
    case 'none':
      return {};
  }
}

/** Clusters that it all goes to, on ports of servers that take anything. */
export function telemetryClusters(telemetry: Telemetry, ports: { readonly http: number; readonly grpc: number }): object[] {
  if (telemetry !== 'all') return [];
  const cluster = (name: string, port: number, isHttp2: boolean): object => ({
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }] }],
    },
    ...(isHttp2 && {
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
          '@type': `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`,
          explicit_http_config: { http2_protocol_options: {} },
        },
      },
    }),
  });
  return [cluster(SPANS, ports.http, false), cluster(FLOWS, ports.grpc, true)];
}
