import type { Counter, Gauge, Histogram, StatsScope } from '../telemetry/stats.ts';

/** Counters of a connection manager, by Envoy's names. Source: Envoy, "HTTP connection manager: statistics". */
const COUNTERS = [
  'downstream_cx_total',
  'downstream_cx_http1_total',
  'downstream_cx_http2_total',
  'downstream_cx_ssl_total',
  'downstream_cx_upgrades_total',
  'downstream_cx_destroy',
  'downstream_cx_destroy_local',
  'downstream_cx_destroy_remote',
  'downstream_cx_destroy_active_rq',
  'downstream_cx_destroy_local_active_rq',
  'downstream_cx_destroy_remote_active_rq',
  'downstream_cx_protocol_error',
  'downstream_cx_idle_timeout',
  'downstream_cx_max_duration_reached',
  'downstream_cx_max_requests_reached',
  'downstream_cx_drain_close',
  'downstream_cx_overload_disable_keepalive',
  'downstream_cx_rx_bytes_total',
  'downstream_rq_total',
  'downstream_rq_http1_total',
  'downstream_rq_http2_total',
  'downstream_rq_completed',
  'downstream_rq_1xx',
  'downstream_rq_2xx',
  'downstream_rq_3xx',
  'downstream_rq_4xx',
  'downstream_rq_5xx',
  'downstream_rq_rx_reset',
  'downstream_rq_tx_reset',
  'downstream_rq_timeout',
  'downstream_rq_header_timeout',
  'downstream_rq_overload_close',
  'downstream_rq_idle_timeout',
  'downstream_rq_max_duration_reached',
  'downstream_rq_response_before_rq_complete',
  'downstream_rq_redirected_with_normalized_path',
  'downstream_rq_ws_on_non_ws_route',
  'downstream_rq_too_many_premature_resets',
  'downstream_flow_control_paused_reading_total',
  'downstream_flow_control_resumed_reading_total',
  'no_route',
  'no_cluster',
  'rq_total',
  'rq_direct_response',
  'rq_redirect',
  'rq_reset_after_downstream_response_started',
] as const;

/** Upper bounds of what a proxy adds to a request, in milliseconds: mostly parts of one. */
const OWN_TIME_BOUNDS: readonly number[] = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 25, 50, 100, 250, 1000];

export type HcmStats = Readonly<Record<(typeof COUNTERS)[number], Counter>> & {
  readonly downstream_cx_active: Gauge;
  readonly downstream_cx_http1_active: Gauge;
  readonly downstream_cx_http2_active: Gauge;
  readonly downstream_cx_ssl_active: Gauge;
  readonly downstream_cx_upgrades_active: Gauge;
  readonly downstream_rq_active: Gauge;
  readonly downstream_rq_time: Histogram;
  readonly downstream_cx_length_ms: Histogram;
  /** What this proxy adds to requests, of all connection managers of its direction. */
  readonly ownTime: Histogram;
  /** By class of status, index 1 to 5. */
  readonly statuses: readonly Counter[];
};

/** Declares the statistics below `http.<stat_prefix>`; `direction` is the listener's. */
export function createHcmStats(scope: StatsScope, direction: string): HcmStats {
  const counters = Object.fromEntries(COUNTERS.map((name) => [name, scope.counter(name)])) as Record<(typeof COUNTERS)[number], Counter>;
  return {
    ...counters,
    downstream_cx_active: scope.gauge('downstream_cx_active'),
    downstream_cx_http1_active: scope.gauge('downstream_cx_http1_active'),
    downstream_cx_http2_active: scope.gauge('downstream_cx_http2_active'),
    downstream_cx_ssl_active: scope.gauge('downstream_cx_ssl_active'),
    downstream_cx_upgrades_active: scope.gauge('downstream_cx_upgrades_active'),
    downstream_rq_active: scope.gauge('downstream_rq_active'),
    downstream_rq_time: scope.histogram('downstream_rq_time'),
    downstream_cx_length_ms: scope.histogram('downstream_cx_length_ms'),
    ownTime: scope.labelledHistogram('tulle_time_in_proxy_milliseconds', { direction }, OWN_TIME_BOUNDS),
    statuses: ['1xx', '1xx', '2xx', '3xx', '4xx', '5xx'].map((name) => scope.counter(`downstream_rq_${name}`)),
  };
}
