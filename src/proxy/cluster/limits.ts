import { type Clock, systemClock } from '../../core/clock.ts';
import { ConfigError } from '../../core/errors.ts';
import type { CircuitBreakers, CircuitBreakers_Thresholds } from '../../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import { RoutingPriority } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { Gauge, StatsScope } from '../telemetry/stats.ts';
import { durationMs } from '../config/durations.ts';
import { Followed, runtimeCount } from '../config/live-values.ts';
import type { Cluster, Limits, RetryBudget } from './cluster.ts';
import { RequestWindow } from './request-window.ts';
import type { RetryRate } from './retry-rate.ts';

/** Envoy's defaults for what `circuit_breakers` leaves out. */
const DEFAULTS = { connections: 1024, pending: 1024, requests: 1024, retries: 3 } as const;

function readBudget(thresholds: CircuitBreakers_Thresholds | undefined, clock: Clock): RetryBudget | undefined {
  const budget = thresholds?.retryBudget;
  if (budget === undefined) return undefined;
  const spanMs = durationMs(budget.budgetInterval, 0);
  return {
    fraction: (budget.budgetPercent?.value ?? 20) / 100,
    minConcurrency: budget.minRetryConcurrency ?? 3,
    ...(spanMs > 0 && { recent: new RequestWindow(spanMs, () => clock.monotonicMs()) }),
  };
}

/** A limit, or what it comes to now. */
type Cap = number | (() => number);

/** The largest number that Envoy has for a cap that there is none of. */
const NO_CAP = 0xffff_ffff;

/** One priority's part of a gauge that counts all priorities; tells whether its cap is reached, and what is left of it. */
class Part implements Gauge {
  readonly #whole: Gauge;
  readonly #cap: Cap;
  readonly #open: Gauge | undefined;
  readonly #left: Gauge | undefined;
  #own = 0;

  constructor(whole: Gauge, cap: Cap, open?: Gauge, left?: Gauge) {
    this.#whole = whole;
    this.#cap = cap;
    this.#open = open;
    this.#left = left;
    this.#tell();
  }

  get value(): number {
    return this.#own;
  }

  set value(value: number) {
    this.#whole.value += value - this.#own;
    this.#own = value;
    this.#tell();
  }

  #tell(): void {
    if (this.#open === undefined) return;
    const cap = typeof this.#cap === 'number' ? this.#cap : this.#cap();
    this.#open.value = this.#own >= cap ? 1 : 0;
    if (this.#left !== undefined) this.#left.value = Math.min(NO_CAP, Math.max(0, Math.floor(cap - this.#own)));
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

/** Makes what is counted under a cap: `name` of the cluster's gauge, '' for none, and of those of circuit breakers. */
type MakePart = (name: string, open: string, left: string, cap: Cap) => Gauge;

/** How many requests may be retries while so many are under way, or wait. */
export function maxRetriesOf({ minConcurrency, fraction, recent }: RetryBudget, active: number): number {
  return Math.max(minConcurrency, Math.floor((recent?.count() ?? active) * fraction));
}

/** What a priority's caps are, as configured or by the runtime. */
type Caps = Pick<Limits, 'maxPools' | 'maxConnections' | 'maxPendingRequests' | 'maxRequests' | 'maxRetries'>;

/** The caps that hold now; the same object where the runtime says nothing of them. Keys: Envoy, "Circuit breaking: runtime". */
function capsByRuntime(configured: Caps, prefix: string): Caps {
  const { maxPools, maxConnections, maxPendingRequests, maxRequests, maxRetries } = configured;
  const now: Caps = {
    maxPools: runtimeCount(`${prefix}.max_connection_pools`) ?? maxPools,
    maxConnections: runtimeCount(`${prefix}.max_connections`) ?? maxConnections,
    maxPendingRequests: runtimeCount(`${prefix}.max_pending_requests`) ?? maxPendingRequests,
    maxRequests: runtimeCount(`${prefix}.max_requests`) ?? maxRequests,
    maxRetries: runtimeCount(`${prefix}.max_retries`) ?? maxRetries,
  };
  const isAsConfigured =
    now.maxPools === maxPools &&
    now.maxConnections === maxConnections &&
    now.maxPendingRequests === maxPendingRequests &&
    now.maxRequests === maxRequests &&
    now.maxRetries === maxRetries;
  return isAsConfigured ? configured : now;
}

/** What the configuration says of a priority. */
interface Given {
  readonly caps: Caps;
  readonly maxConnectionsPerHost: number;
  readonly retryBudget: RetryBudget | undefined;
  readonly retryRate: RetryRate | undefined;
}

/** The limits of one priority: that of `high` where there is no higher one. */
class PriorityLimits implements Limits {
  readonly high?: Limits;
  readonly maxConnectionsPerHost: number;
  readonly retryBudget: RetryBudget | undefined;
  readonly retryRate: RetryRate | undefined;
  readonly pools: Gauge;
  readonly connections: Gauge;
  readonly pending: Gauge;
  readonly requests: Gauge;
  readonly retries: Gauge;
  readonly #caps: Followed<Caps>;

  constructor(cluster: string, given: Given, part: MakePart, high?: Limits) {
    if (high !== undefined) this.high = high;
    const { retryBudget } = given;
    this.maxConnectionsPerHost = given.maxConnectionsPerHost;
    this.retryRate = given.retryRate;
    this.retryBudget = retryBudget;
    const prefix = `circuit_breakers.${cluster}.${high === undefined ? 'high' : 'default'}`;
    this.#caps = new Followed(() => capsByRuntime(given.caps, prefix));
    this.requests = part('upstream_rq_active', 'rq_open', 'remaining_rq', () => this.maxRequests);
    this.pending = part('upstream_rq_pending_active', 'rq_pending_open', 'remaining_pending', () => this.maxPendingRequests);
    this.pools = part('', 'cx_pool_open', 'remaining_cx_pools', () => this.maxPools);
    this.connections = part('upstream_cx_active', 'cx_open', 'remaining_cx', () => this.maxConnections);
    const mayRetry =
      retryBudget === undefined
        ? (): number => this.maxRetries
        : (): number => maxRetriesOf(retryBudget, this.requests.value + this.pending.value);
    this.retries = part('upstream_rq_retry_active', 'rq_retry_open', 'remaining_retries', mayRetry);
  }

  get maxPools(): number {
    return this.#caps.value.maxPools;
  }

  get maxConnections(): number {
    return this.#caps.value.maxConnections;
  }

  get maxPendingRequests(): number {
    return this.#caps.value.maxPendingRequests;
  }

  get maxRequests(): number {
    return this.#caps.value.maxRequests;
  }

  get maxRetries(): number {
    return this.#caps.value.maxRetries;
  }
}

function readGiven(breakers: CircuitBreakers | undefined, priority: RoutingPriority, path: string, clock: Clock): Omit<Given, 'retryRate'> {
  const thresholds = breakers?.thresholds.find((row) => row.priority === priority);
  return {
    maxConnectionsPerHost: maxPerHost(breakers, priority, path),
    retryBudget: readBudget(thresholds, clock),
    caps: {
      maxPools: thresholds?.maxConnectionPools ?? Infinity,
      maxConnections: thresholds?.maxConnections ?? DEFAULTS.connections,
      maxPendingRequests: thresholds?.maxPendingRequests ?? DEFAULTS.pending,
      maxRequests: thresholds?.maxRequests ?? DEFAULTS.requests,
      maxRetries: thresholds?.maxRetries ?? DEFAULTS.retries,
    },
  };
}

/** Those of high priority are told only where somebody has set them: a proxy has thousands of clusters. */
function partsOf(breakers: CircuitBreakers | undefined, priority: RoutingPriority, stats: StatsScope): MakePart {
  const row = breakers?.thresholds.find((each) => each.priority === priority);
  const isTold = priority === RoutingPriority.DEFAULT || row !== undefined;
  const prefix = `circuit_breakers.${priority === RoutingPriority.DEFAULT ? 'default' : 'high'}`;
  return (name, open, left, cap) => {
    const whole = name === '' ? { value: 0 } : stats.gauge(name);
    // nobody is told of its cap: the function that knows it need not be kept
    if (!isTold) return new Part(whole, NO_CAP);
    const remaining = row?.trackRemaining === true ? stats.gauge(`${prefix}.${left}`) : undefined;
    return new Part(whole, cap, stats.gauge(`${prefix}.${open}`), remaining);
  };
}

export interface LimitsOptions {
  /** The cluster's, by which the runtime knows its caps. */
  readonly name?: string;
  readonly retryRate?: RetryRate | undefined;
  readonly clock?: Clock;
}

/**
 * The caps of both routing priorities, each with its own counts, which together are the gauges in `stats` (the cluster's).
 * `retryRate` is theirs together.
 */
export function readLimits(
  breakers: CircuitBreakers | undefined,
  path: string,
  stats: StatsScope,
  { name = '', retryRate, clock = systemClock }: LimitsOptions = {},
): Limits {
  breakers?.thresholds.forEach(({ priority }, i) => {
    if (priority !== RoutingPriority.DEFAULT && priority !== RoutingPriority.HIGH)
      throw new ConfigError(`${path}.circuit_breakers.thresholds[${i}].priority`, `${priority} is not known`);
  });
  const read = (priority: RoutingPriority, high?: Limits): Limits => {
    const given = { ...readGiven(breakers, priority, path, clock), retryRate };
    return new PriorityLimits(name, given, partsOf(breakers, priority, stats), high);
  };
  return read(RoutingPriority.DEFAULT, read(RoutingPriority.HIGH));
}

/** The caps that hold for a request of this priority (a route's). */
export function limitsFor(cluster: Pick<Cluster, 'limits'>, priority: 'default' | 'high'): Limits {
  const { limits } = cluster;
  return priority === 'high' ? (limits.high ?? limits) : limits;
}
