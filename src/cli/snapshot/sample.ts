/** The bootstraps that a rehearsal reads: what most sidecars are configured with. */

const TYPE = 'type.googleapis.com/envoy';

const ROUTES = [
  'path: /healthz',
  'prefix: /static/',
  'safe_regex:\n                regex: /v[0-9]+/items/[0-9]+',
  'safe_regex:\n                regex: /api/v[0-9]+/users/.*',
  'prefix: /admin/\n              headers:\n              - name: x-tenant\n                string_match:\n                  exact: canary',
  'prefix: /',
];

const ROUTE = `
            route:
              cluster: upstream
              timeout: 15s
              retry_policy:
                retry_on: connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes
                num_retries: 2
                retriable_status_codes:
                - 503
                retry_host_predicate:
                - name: envoy.retry_host_predicates.previous_hosts
                  typed_config:
                    "@type": ${TYPE}.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate
                host_selection_retry_max_attempts: 5`;

const FILTERS = `
        http_filters:
        - name: envoy.filters.http.rbac
          typed_config:
            "@type": ${TYPE}.extensions.filters.http.rbac.v3.RBAC
            rules:
              action: ALLOW
              policies:
                ns[shop]-policy[all]-rule[0]:
                  permissions:
                  - and_rules:
                      rules:
                      - or_rules:
                          rules:
                          - header:
                              name: :method
                              string_match:
                                exact: GET
                      - or_rules:
                          rules:
                          - url_path:
                              path:
                                prefix: /
                  principals:
                  - any: true
        - name: istio.stats
          typed_config:
            "@type": type.googleapis.com/udpa.type.v1.TypedStruct
            type_url: type.googleapis.com/stats.PluginConfig
            value: {}
        - name: envoy.filters.http.router
          typed_config:
            "@type": ${TYPE}.extensions.filters.http.router.v3.Router`;

function hostText(name: string): string {
  const routes = ROUTES.map((match) => `\n          - match:\n              ${match}${ROUTE}`).join('');
  return `
        - name: ${name}:80
          domains:
          - ${name}
          - ${name}:80
          - ${name}.shop.svc.cluster.local
          routes:${routes}`;
}

/** Loopback ports. */
interface SamplePorts {
  readonly upstream: number;
  readonly listen: number;
  readonly admin: number;
}

/** A sidecar without TLS. YAML. */
export function sampleBootstrap({ upstream, listen, admin }: SamplePorts): string {
  return `# what most sidecars are configured with
node:
  id: sidecar~127.0.0.1~sample.shop~shop.svc.cluster.local
  cluster: sample.shop
admin:
  address:
    socket_address:
      address: 127.0.0.1
      port_value: ${admin}
static_resources:
  listeners:
  - name: sample
    address:
      socket_address:
        address: 127.0.0.1
        port_value: ${listen}
    traffic_direction: OUTBOUND
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": ${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: sample
          use_remote_address: false
          generate_request_id: true
          normalize_path: true
          stream_idle_timeout: 0s
          upgrade_configs:
          - upgrade_type: websocket
          access_log:
          - name: envoy.access_loggers.file
            filter:
              runtime_filter:
                runtime_key: sample
                percent_sampled:
                  numerator: 1
                  denominator: HUNDRED
            typed_config:
              "@type": ${TYPE}.extensions.access_loggers.file.v3.FileAccessLog
              path: /dev/null
          route_config:
            name: sample
            virtual_hosts:${indented(indented(['reviews', 'ratings'].map(hostText).join('')))}${indented(FILTERS)}
  clusters:
  - name: upstream
    type: STATIC
    connect_timeout: 5s
    lb_policy: LEAST_REQUEST
    circuit_breakers:
      thresholds:
      - max_connections: 10000
        max_pending_requests: 10000
        max_requests: 10000
        max_retries: 100
    outlier_detection:
      consecutive_5xx: 5
      interval: 10s
      base_ejection_time: 30s
      max_ejection_percent: 10
      enforcing_success_rate: 0
    load_assignment:
      cluster_name: upstream
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address:
                address: 127.0.0.1
                port_value: ${upstream}
`;
}

/** The same lines two columns deeper. */
function indented(text: string): string {
  return text.replaceAll('\n', '\n  ');
}
