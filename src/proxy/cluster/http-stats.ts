import { createHttp2Stats, type Http2Stats } from '../http/http2-stats.ts';
import type { Counter, Histogram, StatsScope } from '../telemetry/stats.ts';
import { AnswerStats } from './answer-stats.ts';

/** Counters of a cluster's HTTP traffic, by Envoy's names. Source: Envoy, "Cluster manager: statistics". */
const COUNTERS = [
  'upstream_cx_total',
  'upstream_cx_http1_total',
  'upstream_cx_http2_total',
  'upstream_cx_connect_fail',
  'upstream_cx_connect_timeout',
  'upstream_cx_overflow',
  'upstream_cx_pool_overflow',
  'upstream_cx_idle_timeout',
  'upstream_cx_max_duration_reached',
  'upstream_cx_max_requests',
  'upstream_cx_protocol_error',
  'upstream_cx_destroy',
  'upstream_cx_destroy_local',
  'upstream_cx_destroy_remote',
  'upstream_cx_destroy_with_active_rq',
  'upstream_cx_destroy_local_with_active_rq',
  'upstream_cx_destroy_remote_with_active_rq',
  'upstream_cx_none_healthy',
  'upstream_cx_rx_bytes_total',
  'upstream_cx_tx_bytes_total',
  'upstream_rq_total',
  'upstream_rq_completed',
  'upstream_rq_pending_total',
  'upstream_rq_pending_overflow',
  'upstream_rq_active_overflow',
  'upstream_rq_pending_failure_eject',
  'upstream_rq_cancelled',
  'upstream_rq_timeout',
  'upstream_rq_per_try_timeout',
  'upstream_rq_max_duration_reached',
  'upstream_rq_rx_reset',
  'upstream_rq_tx_reset',
  'upstream_internal_redirect_succeeded_total',
  'upstream_internal_redirect_failed_total',
  'upstream_rq_retry',
  'upstream_rq_retry_success',
  'upstream_rq_retry_overflow',
  'upstream_rq_retry_limit_exceeded',
  'upstream_rq_retry_backoff_exponential',
  'upstream_rq_retry_backoff_ratelimited',
  'upstream_flow_control_paused_reading_total',
  'upstream_flow_control_resumed_reading_total',
] as const;

/** A counter of a cluster's HTTP traffic, by its name. */
export type ClusterCounter = (typeof COUNTERS)[number];

export type ClusterHttpStats = Readonly<Record<ClusterCounter, Counter>> & {
  /** Where answers are counted that go on to clients: with all of the cluster, and by where their request came from. */
  readonly answersFromWithin: readonly AnswerStats[];
  readonly answersFromWithout: readonly AnswerStats[];
  /** Those of a part: `canary`; answers that go to nobody, for their request is tried again: `retry`. */
  answersOf(part: string): AnswerStats;
  /** Those of hosts in a locality to requests from zone `from`: `zone.<from>.<to>`; undefined where it has no zone. */
  answersOfZone(from: string, locality: string): AnswerStats | undefined;
  /** How long connecting took, TLS included, and how long connections lasted. */
  readonly upstream_cx_connect_ms: Histogram;
  readonly upstream_cx_length_ms: Histogram;
};

function create(scope: StatsScope): ClusterHttpStats {
  const counters = Object.fromEntries(COUNTERS.map((name) => [name, scope.counter(name)])) as Record<ClusterCounter, Counter>;
  // there before the first answer
  scope.histogram('upstream_rq_time');
  const all = new AnswerStats(scope);
  const parts = new Map<string, AnswerStats>();
  const answersOf = (part: string): AnswerStats => {
    let stats = parts.get(part);
    if (stats === undefined) parts.set(part, (stats = new AnswerStats(scope.scope(part))));
    return stats;
  };
  const byLocality = new Map<string, AnswerStats | undefined>();
  return {
    ...counters,
    answersFromWithin: [all, answersOf('internal')],
    answersFromWithout: [all, answersOf('external')],
    answersOf,
    answersOfZone(from, locality) {
      if (!byLocality.has(locality)) {
        const to = locality.split('/')[1] ?? '';
        byLocality.set(locality, to === '' ? undefined : answersOf(`zone.${from}.${to}`));
      }
      return byLocality.get(locality);
    },
    upstream_cx_connect_ms: scope.histogram('upstream_cx_connect_ms'),
    upstream_cx_length_ms: scope.histogram('upstream_cx_length_ms'),
  };
}

const byScope = new WeakMap<StatsScope, ClusterHttpStats>();

/** The HTTP statistics of a cluster's scope; made on first use. */
export function clusterHttpStats(scope: StatsScope): ClusterHttpStats {
  let stats = byScope.get(scope);
  if (stats === undefined) byScope.set(scope, (stats = create(scope)));
  return stats;
}

const http2ByScope = new WeakMap<StatsScope, Http2Stats>();

/** The statistics of a cluster's HTTP/2 connections; made on first use. */
export function clusterHttp2Stats(scope: StatsScope): Http2Stats {
  let stats = http2ByScope.get(scope);
  if (stats === undefined) http2ByScope.set(scope, (stats = createHttp2Stats(scope)));
  return stats;
}
