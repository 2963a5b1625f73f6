/** What TCP proxying counts, by Envoy's names. Source: Envoy, "TCP proxy: statistics" and "Cluster manager: statistics". */
import type { Counter, Gauge, StatsScope } from '../telemetry/stats.ts';

const COUNTERS = [
  'downstream_cx_total',
  'downstream_cx_no_route',
  'downstream_cx_rx_bytes_total',
  'downstream_cx_tx_bytes_total',
  'downstream_cx_drain_close',
  'downstream_flow_control_paused_reading_total',
  'downstream_flow_control_resumed_reading_total',
  'early_data_received_count_total',
  'idle_timeout',
  'max_downstream_connection_duration',
  'upstream_flush_total',
] as const;

const ON_DEMAND_COUNTERS = ['on_demand_cluster_attempt', 'on_demand_cluster_missing', 'on_demand_cluster_success'] as const;

const CLUSTER_COUNTERS = [
  'upstream_cx_total',
  'upstream_cx_overflow',
  'upstream_cx_connect_fail',
  'upstream_cx_connect_timeout',
  'upstream_cx_connect_attempts_exceeded',
  'upstream_cx_destroy',
  'upstream_cx_destroy_local',
  'upstream_cx_destroy_remote',
  'upstream_cx_rx_bytes_total',
  'upstream_cx_tx_bytes_total',
  'upstream_rq_total',
  'upstream_rq_pending_total',
  'upstream_rq_pending_failure_eject',
  'upstream_flow_control_paused_reading_total',
  'upstream_flow_control_resumed_reading_total',
] as const;

type Counters<Name extends string> = Readonly<Record<Name, Counter>>;

/** Of one `stat_prefix`. */
export type TcpStats = Counters<(typeof COUNTERS)[number]> & {
  readonly active: Gauge;
  readonly flushing: Gauge;
  /** Only where clusters are asked for. */
  readonly onDemand: Counters<(typeof ON_DEMAND_COUNTERS)[number]> | undefined;
};

/** Of one cluster. */
export type TcpClusterStats = Counters<(typeof CLUSTER_COUNTERS)[number]>;

function counters<Name extends string>(scope: StatsScope, names: readonly Name[]): Counters<Name> {
  return Object.fromEntries(names.map((name) => [name, scope.counter(name)])) as Record<Name, Counter>;
}

/** Declares a TCP proxy's statistics in `scope`, that of its prefix. */
export function tcpStats(scope: StatsScope, asksForClusters: boolean): TcpStats {
  return {
    ...counters(scope, COUNTERS),
    active: scope.gauge('downstream_cx_active'),
    flushing: scope.gauge('upstream_flush_active'),
    onDemand: asksForClusters ? counters(scope, ON_DEMAND_COUNTERS) : undefined,
  };
}

const byScope = new WeakMap<StatsScope, TcpClusterStats>();

/** The statistics of a cluster's scope; made on first use. */
export function tcpClusterStats(scope: StatsScope): TcpClusterStats {
  let stats = byScope.get(scope);
  if (stats === undefined) byScope.set(scope, (stats = counters(scope, CLUSTER_COUNTERS)));
  return stats;
}
