import { ConfigError } from '../../core/errors.ts';
import type { CircuitBreakers, CircuitBreakers_Thresholds } from '../../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import { RoutingPriority } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { Gauge, StatsScope } from '../telemetry/stats.ts';
import type { Cluster, Limits } from './cluster.ts';
import type { RetryRate } from './retry-rate.ts';

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

/** A gauge that is worked out whenever it is read. */
function defineGauge(stats: StatsScope, name: string, read: () => number): void {
  // the former limits of a cluster that was replaced are read no more
  Object.defineProperty(stats.gauge(name), 'value', { configurable: true, enumerable: true, get: read, set() {} });
}

/** What of a cap is used, and the cap. */
type Reading = (limits: Limits) => readonly [used: number, cap: number];

/** Names of gauges of `circuit_breakers`: whether the cap is reached, and what is left of it. */
const BREAKERS: readonly (readonly [open: string, left: string, read: Reading])[] = [
  ['cx_open', 'remaining_cx', ({ connections, maxConnections }) => [connections.value, maxConnections]],
  ['cx_pool_open', 'remaining_cx_pools', ({ pools, maxPools }) => [pools.value, maxPools]],
  ['rq_pending_open', 'remaining_pending', ({ pending, maxPendingRequests }) => [pending.value, maxPendingRequests]],
  ['rq_open', 'remaining_rq', ({ requests, maxRequests }) => [requests.value, maxRequests]],
  ['rq_retry_open', 'remaining_retries', (limits) => [limits.retries.value, maxRetriesOf(limits)]],
];

/** How many requests may be retries now. */
function maxRetriesOf({ retryBudget, maxRetries, requests, pending }: Limits): number {
  if (retryBudget === undefined) return maxRetries;
  return Math.max(retryBudget.minConcurrency, (requests.value + pending.value) * retryBudget.fraction);
}

/** The largest number that Envoy has for a cap that there is none of. */
const NO_CAP = 0xffff_ffff;

function tellBreakers(limits: Limits, priority: 'default' | 'high', tracksRemaining: boolean, stats: StatsScope): void {
  for (const [open, left, read] of BREAKERS) {
    defineGauge(stats, `circuit_breakers.${priority}.${open}`, () => {
      const [used, cap] = read(limits);
      return used >= cap ? 1 : 0;
    });
    if (!tracksRemaining) continue;
    defineGauge(stats, `circuit_breakers.${priority}.${left}`, () => {
      const [used, cap] = read(limits);
      return Math.min(NO_CAP, Math.max(0, Math.floor(cap - used)));
    });
  }
}

/** `per_host_thresholds`: Envoy has but one field of them. */
function maxPerHost(breakers: CircuitBreakers | undefined, priority: RoutingPriority, path: string): number {
  const at = breakers?.perHostThresholds.findIndex((row) => row.priority === priority) ?? -1;
  const row = breakers?.perHostThresholds[at];
  const others = [row?.maxPendingRequests, row?.maxRequests, row?.maxRetries, row?.maxConnectionPools, row?.retryBudget];
  if (others.some((value) => value !== undefined) || row?.trackRemaining === true)
    throw new ConfigError(
      `${path}.circuit_breakers.per_host_thresholds[${at}]`,
      'has more than max_connections, which is all that is supported',
    );
  return row?.maxConnections ?? Infinity;
}

function readPriority(
  breakers: CircuitBreakers | undefined,
  priority: RoutingPriority,
  path: string,
  gauge: (name: string) => Gauge,
): Omit<Limits, 'high'> {
  const thresholds = breakers?.thresholds.find((row) => row.priority === priority);
  return {
    maxConnectionsPerHost: maxPerHost(breakers, priority, path),
    maxPools: thresholds?.maxConnectionPools ?? Infinity,
    pools: { value: 0 },
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

/**
 * The caps of both routing priorities, each with its own counts, which together are the gauges in `stats` (the cluster's).
 * `retryRate` is theirs together.
 */
export function readLimits(breakers: CircuitBreakers | undefined, path: string, stats: StatsScope, retryRate?: RetryRate): Limits {
  breakers?.thresholds.forEach(({ priority }, i) => {
    if (priority !== RoutingPriority.DEFAULT && priority !== RoutingPriority.HIGH)
      throw new ConfigError(`${path}.circuit_breakers.thresholds[${i}].priority`, `${priority} is not known`);
  });
  const part = (name: string): Gauge => new Part(stats.gauge(name));
  const high = { ...readPriority(breakers, RoutingPriority.HIGH, path, part), retryRate };
  const limits: Limits = { ...readPriority(breakers, RoutingPriority.DEFAULT, path, part), retryRate, high };
  const tracks = (priority: RoutingPriority): boolean | undefined =>
    breakers?.thresholds.find((row) => row.priority === priority)?.trackRemaining;
  tellBreakers(limits, 'default', tracks(RoutingPriority.DEFAULT) ?? false, stats);
  // those of high priority only where somebody has set them: a proxy has thousands of clusters
  const ofHigh = tracks(RoutingPriority.HIGH);
  if (ofHigh !== undefined) tellBreakers(high, 'high', ofHigh, stats);
  return limits;
}

/** The caps that hold for a request of this priority (a route's). */
export function limitsFor(cluster: Pick<Cluster, 'limits'>, priority: 'default' | 'high'): Limits {
  const { limits } = cluster;
  return priority === 'high' ? (limits.high ?? limits) : limits;
}
