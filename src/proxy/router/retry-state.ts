/** The retries of one request: how many there were, and whether its cluster has room for more. */
import type { Clock, Random } from '../../core/clock.ts';
import type { ResponseHead } from '../../wire/http/message.ts';
import type { Limits } from '../cluster/cluster.ts';
import { runtimeShare } from '../config/live-values.ts';
import { maxRetriesOf } from '../cluster/limits.ts';
import type { RetryRate } from '../cluster/retry-rate.ts';
import type { ClusterHttpStats } from '../cluster/http-stats.ts';
import { rateLimitedBackOffMs } from './rate-limited-back-off.ts';
import { backOffMs } from './retry-decision.ts';
import type { RetryPolicy } from './route.ts';
import { countRequest, type RequestStats, UNCOUNTED } from './request-stats.ts';

/** Whether the cluster allows one more retry now: by its budget, or by its cap. */
function hasRoom(limits: Limits): boolean {
  const { retryBudget } = limits;
  if (retryBudget === undefined) return limits.retries.value < limits.maxRetries;
  return limits.retries.value < maxRetriesOf(retryBudget, limits.requests.value + limits.pending.value);
}

export class RetryState {
  readonly policy: RetryPolicy;
  /** The request is counted among those that are being retried. */
  isRetrying = false;
  readonly #limits: Limits;
  readonly #rate: RetryRate | undefined;
  readonly #stats: ClusterHttpStats;
  readonly #counted: readonly RequestStats[];

  constructor(policy: RetryPolicy, limits: Limits, stats: ClusterHttpStats, counted = UNCOUNTED) {
    this.#counted = counted;
    this.policy = policy;
    this.#limits = limits;
    this.#stats = stats;
    this.#rate = policy.isUnbudgeted === true ? undefined : limits.retryRate;
    this.#rate?.earn();
  }

  #count(name: 'upstream_rq_retry' | 'upstream_rq_retry_overflow' | 'upstream_rq_retry_limit_exceeded'): void {
    this.#stats[name].value++;
    countRequest(this.#counted, name);
  }

  /**
   * Takes one retry after `attempts` attempts. Gives the flag that says why there is none, '' where the runtime has none
   * (Envoy: `upstream.use_retry`, percent), or undefined. `random` is in [0, 1). `wasSent`: the
   * last one has reached a host; one that did not was no load to any, so that nothing is added by the next.
   */
  take(attempts: number, wasSent: boolean, nowMs: number, random: Random): 'URX' | 'UO' | '' | undefined {
    if (attempts > this.policy.maxRetries) {
      this.#count('upstream_rq_retry_limit_exceeded');
      return 'URX';
    }
    if (!hasRoom(this.#limits) || (wasSent && this.#rate?.spend(nowMs) === false)) {
      this.#count('upstream_rq_retry_overflow');
      return 'UO';
    }
    const share = runtimeShare('upstream.use_retry') ?? 1;
    if (share < 1 && random() >= share) return '';
    this.#count('upstream_rq_retry');
    if (!this.isRetrying) this.#limits.retries.value++;
    this.isRetrying = true;
    return undefined;
  }

  /** How long to wait before the next attempt, after `attempts`. `head`: of the response that asks for it. */
  pauseMs(attempts: number, head: ResponseHead | undefined, { clock, random }: { readonly clock: Clock; readonly random: Random }): number {
    const { rateLimited } = this.policy;
    const askedMs =
      head === undefined || rateLimited === undefined ? undefined : rateLimitedBackOffMs(rateLimited, head, clock.wallMs(), random());
    if (askedMs === undefined) this.#stats.upstream_rq_retry_backoff_exponential.value++;
    else this.#stats.upstream_rq_retry_backoff_ratelimited.value++;
    return askedMs ?? backOffMs(this.policy, attempts, random());
  }

  /** The request is over. */
  release(): void {
    if (this.isRetrying) this.#limits.retries.value--;
    this.isRetrying = false;
  }
}
