/**
 * What active health checks know of one host: flags, counts, and what each result changes. Pure; who checks and when
 * stands in `check-session.ts`. Follows Envoy's "Health checking": a host is failing until its first check passes, the
 * first result counts at once, answers that say no count at once, and what the network does counts by thresholds.
 */

/** Why a check failed, by the names that Envoy's events have for it. */
type FailureType = 'ACTIVE' | 'PASSIVE' | 'NETWORK' | 'NETWORK_TIMEOUT';

/** What one check came to. */
export type CheckResult =
  | { readonly kind: 'passed'; readonly isDegraded: boolean }
  | {
      readonly kind: 'failed';
      readonly type: FailureType;
      /** It counts towards the threshold as failures of the network do. */
      readonly isRetriable: boolean;
      /** The host asks not to be counted among those that could carry traffic. */
      readonly isExcluding: boolean;
      /** HTTP status; 0 where there was no response. */
      readonly status: number;
    };

/** Something that event logs tell. */
export type CheckEvent =
  | { readonly kind: 'eject_unhealthy'; readonly type: FailureType; readonly status: number }
  | { readonly kind: 'failure'; readonly type: FailureType; readonly isFirst: boolean; readonly status: number }
  | { readonly kind: 'add_healthy'; readonly isFirst: boolean }
  | { readonly kind: 'success' }
  | { readonly kind: 'degraded' }
  | { readonly kind: 'no_longer_degraded' };

/** `pending`: the host's health will change when a threshold is reached. */
export type Transition = 'unchanged' | 'pending' | 'changed';

/** What a result came to for the host. */
export interface CheckStep {
  readonly transition: Transition;
  readonly events: readonly CheckEvent[];
}

export interface Thresholds {
  readonly healthy: number;
  readonly unhealthy: number;
}

function isOfNetwork(type: FailureType): boolean {
  return type === 'NETWORK' || type === 'NETWORK_TIMEOUT';
}

/** The state of one host under active checks. Fails until its first check passes. */
export class CheckState {
  isFailing = true;
  isDegraded = false;
  /** The latest failure was that no answer came in time. */
  hasTimedOut = false;
  /** It has said itself that it is not to be counted. */
  isExcluded = false;
  /** No check has ended yet, and its cluster leaves such hosts out of account. */
  isPending: boolean;
  #isFirst = true;
  #passes = 0;
  #failures = 0;

  /** `isPending`: `ignore_new_hosts_until_first_hc`. */
  constructor(isPending: boolean) {
    this.isPending = isPending;
  }

  /** True until a check has ended. */
  get isFirst(): boolean {
    return this.#isFirst;
  }

  /** Takes a result. */
  take(result: CheckResult, thresholds: Thresholds): CheckStep {
    const step = result.kind === 'passed' ? this.#pass(result.isDegraded, thresholds.healthy) : this.#fail(result, thresholds.unhealthy);
    this.#isFirst = false;
    return step;
  }

  #pass(isDegraded: boolean, threshold: number): CheckStep {
    const events: CheckEvent[] = [];
    let transition: Transition = 'unchanged';
    this.#failures = 0;
    if (this.isFailing) {
      if (this.#isFirst || ++this.#passes === threshold) {
        this.isFailing = false;
        this.hasTimedOut = false;
        this.isExcluded = false;
        transition = 'changed';
        events.push({ kind: 'add_healthy', isFirst: this.#isFirst });
      } else transition = 'pending';
    }
    if (transition !== 'changed') events.push({ kind: 'success' });
    transition = this.#leavePending(transition);
    if (isDegraded === this.isDegraded) return { transition, events };
    this.isDegraded = isDegraded;
    events.push({ kind: isDegraded ? 'degraded' : 'no_longer_degraded' });
    return { transition: transition === 'unchanged' ? 'changed' : transition, events };
  }

  #fail({ type, isRetriable, isExcluding, status }: Extract<CheckResult, { kind: 'failed' }>, threshold: number): CheckStep {
    const events: CheckEvent[] = [];
    let transition: Transition = 'unchanged';
    this.#passes = 0;
    if (isExcluding) this.isExcluded = true;
    if (!this.isFailing) {
      if ((!isOfNetwork(type) && !isRetriable) || ++this.#failures === threshold) {
        this.isFailing = true;
        transition = 'changed';
        events.push({ kind: 'eject_unhealthy', type, status });
      } else transition = 'pending';
    }
    this.hasTimedOut = type === 'NETWORK_TIMEOUT' && this.isFailing;
    transition = this.#leavePending(transition);
    events.push({ kind: 'failure', type, isFirst: this.#isFirst, status });
    return { transition, events };
  }

  #leavePending(transition: Transition): Transition {
    if (!this.isPending) return transition;
    this.isPending = false;
    return 'changed';
  }
}
