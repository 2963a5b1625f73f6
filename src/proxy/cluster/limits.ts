import { ConfigError } from '../../core/errors.ts';
import type { CircuitBreakers, CircuitBreakers_Thresholds } from '../../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import { RoutingPriority } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import type { Limits } from './cluster.ts';

/** Envoy's defaults for what `circuit_breakers` leaves out. */
const DEFAULTS = { connections: 1024, pending: 1024, requests: 1024, retries: 3 } as const;

function readBudget(thresholds: CircuitBreakers_Thresholds | undefined): Limits['retryBudget'] {
  const budget = thresholds?.retryBudget;
  if (budget === undefined) return undefined;
  return { fraction: (budget.budgetPercent?.value ?? 20) / 100, minConcurrency: budget.minRetryConcurrency ?? 3 };
}

/** The caps of the default routing priority, counted in `stats` (the cluster's). */
export function readLimits(breakers: CircuitBreakers | undefined, path: string, stats: StatsScope): Limits {
  const high = breakers?.thresholds.findIndex((row) => row.priority !== RoutingPriority.DEFAULT) ?? -1;
  if (high >= 0) throw new ConfigError(`${path}.circuit_breakers.thresholds[${high}].priority`, 'only DEFAULT is supported');
  const thresholds = breakers?.thresholds[0];
  return {
    maxConnections: thresholds?.maxConnections ?? DEFAULTS.connections,
    maxPendingRequests: thresholds?.maxPendingRequests ?? DEFAULTS.pending,
    maxRequests: thresholds?.maxRequests ?? DEFAULTS.requests,
    maxRetries: thresholds?.maxRetries ?? DEFAULTS.retries,
    retryBudget: readBudget(thresholds),
    connections: stats.gauge('upstream_cx_active'),
    pending: stats.gauge('upstream_rq_pending_active'),
    requests: stats.gauge('upstream_rq_active'),
    retries: stats.gauge('upstream_rq_retry_active'),
  };
}
