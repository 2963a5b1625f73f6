import type { Counter, Gauge, StatsScope } from '../telemetry/stats.ts';
import type { CheckResult } from './check-state.ts';

/** Statistics of a cluster's active checks, `health_check.*`. Source: Envoy, "Cluster manager: statistics". */
export interface CheckStats {
  readonly attempt: Counter;
  readonly verifyCluster: Counter;
  /** Hosts that are not failing. */
  readonly healthy: Gauge;
  readonly degraded: Gauge;
  count(result: CheckResult): void;
}

/** `stats`: the cluster's. */
export function createCheckStats(stats: StatsScope): CheckStats {
  const counter = (name: string): Counter => stats.counter(`health_check.${name}`);
  const [success, failure, network, passive] = [
    counter('success'),
    counter('failure'),
    counter('network_failure'),
    counter('passive_failure'),
  ];
  return {
    attempt: counter('attempt'),
    verifyCluster: counter('verify_cluster'),
    healthy: stats.gauge('health_check.healthy'),
    degraded: stats.gauge('health_check.degraded'),
    count(result) {
      if (result.kind === 'passed') {
        success.value++;
        return;
      }
      failure.value++;
      if (result.type === 'PASSIVE') passive.value++;
      else if (result.type !== 'ACTIVE') network.value++;
    },
  };
}
