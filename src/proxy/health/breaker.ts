/**
 * Failure accrual of one host, as Linkerd's: too many failures trip it, and it gets nothing for a while; then one real
 * request tries it. That ends the matter, or the host is left alone for twice as long. Pure: time and chance are arguments.
 *
 *   closed ──(too many failures)──▶ open ──(the penalty is over)──▶ trial ──(a request takes it)──▶ probing
 *      ▲                              ▲                               ▲                               │
 *      │                              └────────────(it fails)─────────│───────────────────────────────┤
 *      │                                                              └─(nothing is heard of it)──────┤
 *      └──────────────────────────────────(it succeeds)───────────────────────────────────────────────┘
 */
import type { Random } from '../../core/clock.ts';
import type { AccrualSettings } from './accrual-settings.ts';
import { SuccessWindow } from './success-window.ts';

/** How a request went: `overloaded` is a failure for the share of successes alone. */
export type Verdict = 'success' | 'failure' | 'overloaded';

export type BreakerState = 'closed' | 'open' | 'trial' | 'probing';

export class Breaker {
  #state: BreakerState = 'closed';
  readonly #settings: AccrualSettings;
  readonly #random: Random;
  readonly #window: SuccessWindow | undefined;
  #failures = 0;
  /** Penalties one after the other. */
  #penalties = 0;

  constructor(settings: AccrualSettings, random: Random) {
    this.#settings = settings;
    this.#random = random;
    this.#window = settings.successRate && new SuccessWindow(settings.successRate.windowMs);
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Takes how a request went that began in this state. Those that began in another one say nothing of it. */
  record(verdict: Verdict, nowMs: number): void {
    if (this.#state === 'closed') this.#count(verdict, nowMs);
    else if (this.#state === 'probing') this.#conclude(verdict);
  }

  /** The penalty is over. */
  offer(): void {
    if (this.#state === 'open') this.#state = 'trial';
  }

  /** A request takes the trial. */
  take(): void {
    if (this.#state === 'trial') this.#state = 'probing';
  }

  /** Nothing was heard of the request that tried it: another may. */
  giveUp(): void {
    if (this.#state === 'probing') this.#state = 'trial';
  }

  /** How long the penalty in force lasts, in milliseconds; random, so to be asked once. */
  penaltyMs(): number {
    const { minPenaltyMs, maxPenaltyMs, jitterRatio } = this.#settings;
    const base = Math.min(maxPenaltyMs, minPenaltyMs * 2 ** Math.min(30, this.#penalties - 1));
    return base + base * jitterRatio * this.#random();
  }

  #count(verdict: Verdict, nowMs: number): void {
    const { maxFailures, successRate } = this.#settings;
    if (verdict === 'failure') this.#failures++;
    else if (verdict === 'success') this.#failures = 0;
    this.#window?.add(verdict === 'success', nowMs);
    const isBelow = successRate !== undefined && this.#window?.isBelow(successRate.threshold, successRate.minRequests, nowMs) === true;
    if (this.#failures >= maxFailures || isBelow) this.#trip();
  }

  #trip(): void {
    this.#state = 'open';
    this.#penalties++;
    this.#failures = 0;
    this.#window?.clear();
  }

  #conclude(verdict: Verdict): void {
    if (verdict !== 'success') {
      this.#trip();
      return;
    }
    this.#state = 'closed';
    this.#penalties = 0;
  }
}
