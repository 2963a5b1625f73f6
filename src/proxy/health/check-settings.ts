/** What all kinds of active health checks have in common, read from a cluster. Envoy: config.core.v3.HealthCheck. */
import { ConfigError } from '../../core/errors.ts';
import type { HealthCheck } from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import { durationMs, positiveDurationMs } from '../config/durations.ts';
import type { CheckIntervals } from './check-intervals.ts';
import type { Thresholds } from './check-state.ts';

export interface CheckSettings {
  readonly timeoutMs: number;
  readonly intervals: CheckIntervals;
  readonly thresholds: Thresholds;
  readonly reusesConnection: boolean;
  /** Failures and successes are logged besides changes. */
  readonly logsFailures: boolean;
  readonly logsSuccesses: boolean;
  /** Protocols to offer by ALPN instead of what the transport socket says; empty: what it says. */
  readonly alpn: readonly string[];
  /** Endpoint metadata by which checks choose their transport socket; undefined: the endpoint's own. */
  readonly transportCriteria: Readonly<Record<string, unknown>> | undefined;
}

/** Envoy's, where a cluster has had no traffic. */
const NO_TRAFFIC_MS = 60_000;

function required<T>(value: T | undefined, path: string): T {
  if (value === undefined) throw new ConfigError(path, 'is missing');
  return value;
}

function readIntervals(config: HealthCheck, path: string): CheckIntervals {
  const of = (value: HealthCheck['interval'], fallback: number, name: string): number =>
    positiveDurationMs(value, fallback, `${path}.${name}`);
  const intervalMs = of(required(config.interval, `${path}.interval`), 0, 'interval');
  const noTrafficMs = of(config.noTrafficInterval, NO_TRAFFIC_MS, 'no_traffic_interval');
  const unhealthyMs = of(config.unhealthyInterval, intervalMs, 'unhealthy_interval');
  return {
    intervalMs,
    noTrafficMs,
    noTrafficHealthyMs: of(config.noTrafficHealthyInterval, noTrafficMs, 'no_traffic_healthy_interval'),
    unhealthyMs,
    unhealthyEdgeMs: of(config.unhealthyEdgeInterval, unhealthyMs, 'unhealthy_edge_interval'),
    healthyEdgeMs: of(config.healthyEdgeInterval, intervalMs, 'healthy_edge_interval'),
    initialJitterMs: durationMs(config.initialJitter, 0),
    jitterMs: durationMs(config.intervalJitter, 0),
    jitterPercent: config.intervalJitterPercent,
  };
}

/** Reads what every kind has; `path` is the health check's. Throws ConfigError for what is missing or out of range. */
export function readCheckSettings(config: HealthCheck, path: string): CheckSettings {
  return {
    timeoutMs: positiveDurationMs(required(config.timeout, `${path}.timeout`), 0, `${path}.timeout`),
    intervals: readIntervals(config, path),
    thresholds: {
      unhealthy: required(config.unhealthyThreshold, `${path}.unhealthy_threshold`),
      healthy: required(config.healthyThreshold, `${path}.healthy_threshold`),
    },
    reusesConnection: config.reuseConnection ?? true,
    logsFailures: config.alwaysLogHealthCheckFailures,
    logsSuccesses: config.alwaysLogHealthCheckSuccess,
    alpn: config.tlsOptions?.alpnProtocols ?? [],
    transportCriteria: config.transportSocketMatchCriteria,
  };
}
