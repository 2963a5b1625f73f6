/** What bounds the retries of a cluster's requests together: a budget, or a number at a time. */
import { RoutingPriority } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { CircuitBreakers_Thresholds } from '../../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { readRetryRate } from '../../proxy/cluster/retry-rate.ts';
import { durationMs } from '../../proxy/config/durations.ts';

/** Envoy: RetryBudget.budget_percent and min_retry_concurrency where they are not said. */
const DEFAULTS = { percent: 20, least: 3 } as const;

/** What istiod, and we, write for no bound. */
const NO_BOUND = 0xffff_ffff;

function budgetText({
  budgetPercent,
  minRetryConcurrency,
  budgetInterval,
}: NonNullable<CircuitBreakers_Thresholds['retryBudget']>): string {
  const intervalMs = durationMs(budgetInterval, 0);
  const among = intervalMs > 0 ? `the requests that began in the last ${intervalMs} ms` : 'the requests under way';
  const least = minRetryConcurrency ?? DEFAULTS.least;
  return `a budget bounds them: at a time ${budgetPercent?.value ?? DEFAULTS.percent}% of ${among} may be retries, ${least} in any case`;
}

/** The bound in words that a DestinationRule has set; undefined where none has. */
export function retryBoundText({ circuitBreakers }: Pick<Cluster, 'circuitBreakers'>): string | undefined {
  const limits = circuitBreakers?.thresholds.find(({ priority }) => priority === RoutingPriority.DEFAULT);
  if (limits?.retryBudget !== undefined) return budgetText(limits.retryBudget);
  const { maxRetries = NO_BOUND } = limits ?? {};
  return maxRetries === NO_BOUND ? undefined : `of all requests to the cluster ${maxRetries} may be retries at a time`;
}

/** The proxy's own budget in words, of clusters whose retries nobody has bounded; undefined where it is not in force. */
export function defaultBudgetText({ metadata }: Pick<Cluster, 'metadata'>): string | undefined {
  const rate = readRetryRate(metadata?.filterMetadata ?? {}, '');
  if (rate === undefined) return undefined;
  const { ratio, minPerSecond, burst } = rate;
  return `the default budget bounds them: each request to the cluster earns ${ratio} of a retry, ${minPerSecond} come with each second, ${burst} can be saved`;
}
