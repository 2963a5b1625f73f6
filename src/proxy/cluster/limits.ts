import { ConfigError } from '../../core/errors.ts';
import type { CircuitBreakers, CircuitBreakers_Thresholds } from '../../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import { RoutingPriority } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { Gauge, StatsScope } from '../telemetry/stats.ts';
import type { Cluster, Limits } from './cluster.ts';

/** Envoy's defaults for what `circuit_breakers` leaves out. */
const DEFAULTS = { connections: 1024, pending: 1024, requests: 1024, retries: 3 } as const;

function readBudget(thresholds: CircuitBreakers_Thresholds | undefined): Limits['retryBudget'] {
  const budget = thresholds?.retryBudget;
  if (budget === undefined) return undefined;
  return { fraction: (budget.budgetPercent?.value ?? 20) / 100, minConcurrency: budget.minRetryConcurrency ?? 3 };
}

/** One priority's part of a gauge that counts all priorities. */
class Part implements Gauge {
  readonly #whole: Gauge;
  #own = 0;

  constructor(whole: Gauge) {
    this.#whole = whole;
  }

  get value(): number {
    return this.#own;
  }

  set value(value: number) {
    this.#whole.value += value - this.#own;
    this.#own = value;
  }
}

function readPriority(breakers: CircuitBreakers | undefined, priority: RoutingPriority, gauge: (name: string) => Gauge): Limits {
  const thresholds = breakers?.thresholds.find((row) => row.priority === priority);
  return {
    maxConnections: thresholds?.maxConnections ?? DEFAULTS.connections,
    maxPendingRequests: thresholds?.maxPendingRequests ?? DEFAULTS.pending,
    maxRequests: thresholds?.maxRequests ?? DEFAULTS.requests,
    maxRetries: thresholds?.maxRetries ?? DEFAULTS.retries,
    retryBudget: readBudget(thresholds),
    connections: gauge('upstream_cx_active'),
    pending: gauge('upstream_rq_pending_active'),
    requests: gauge('upstream_rq_active'),
    retries: gauge('upstream_rq_retry_active'),
  };
}

/** The caps of both routing priorities, each with its own counts, which together are the gauges in `stats` (the cluster's). */
export function readLimits(breakers: CircuitBreakers | undefined, path: string, stats: StatsScope): Limits {
  breakers?.thresholds.forEach(({ priority }, i) => {
    if (priority !== RoutingPriority.DEFAULT && priority !== RoutingPriority.HIGH)
      throw new ConfigError(`${path}.circuit_breakers.thresholds[${i}].priority`, `${priority} is not known`);
  });
  const part = (name: string): Gauge => new Part(stats.gauge(name));
  return { ...readPriority(breakers, RoutingPriority.DEFAULT, part), high: readPriority(breakers, RoutingPriority.HIGH, part) };
}

/** The caps that hold for a request of this priority (a route's). */
export function limitsFor(cluster: Pick<Cluster, 'limits'>, priority: 'default' | 'high'): Limits {
  const { limits } = cluster;
  return priority === 'high' ? (limits.high ?? limits) : limits;
}
