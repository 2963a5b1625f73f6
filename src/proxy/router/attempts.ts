import type { Clock, Random } from '../../core/clock.ts';
import type { IncomingResponse } from '../../wire/http/message.ts';
import type { Host } from '../cluster/cluster.ts';
import type { Timers, WheelTimer } from '../timers.ts';
import type { Attempt } from './attempt.ts';
import type { Downstream } from './downstream.ts';
import { outcomeOf } from './reset.ts';
import type { RetryState } from './retry-state.ts';

const NO_HOSTS: readonly Host[] = [];

/** Whose request it is. */
export interface RetryingRequest {
  readonly down: Downstream;
  /** All of the request so far is here to be sent again. */
  readonly isRepeatable: boolean;
  /** The next attempt is due. */
  onRetry(): void;
}

/**
 * The attempts of one request: the one that counts, those that go on beside it (hedging), and when the next one begins.
 * An attempt that comes to nothing is followed by another one, left to the others, or the end of the request.
 */
export class Attempts {
  /** The latest; undefined between two. */
  current: Attempt | undefined = undefined;
  /** Undefined where the route retries nothing. */
  retry: RetryState | undefined = undefined;
  /** Hosts whose attempts came to nothing. */
  tried: readonly Host[] = NO_HOSTS;
  /** The last one that came to nothing had run out of time. */
  hasTimedOut = false;
  readonly #owner: RetryingRequest;
  readonly #scope: { readonly clock: Clock; readonly random: Random };
  readonly #timers: Timers;
  /** Attempts whose time was up and that go on; undefined while there were none. */
  #hedged: Attempt[] | undefined = undefined;
  #backOff: WheelTimer | undefined = undefined;

  constructor(owner: RetryingRequest, scope: { readonly clock: Clock; readonly random: Random }, timers: Timers) {
    this.#owner = owner;
    this.#scope = scope;
    this.#timers = timers;
  }

  start(attempt: Attempt): void {
    if (this.current !== undefined) (this.#hedged ??= []).push(this.current);
    this.current = attempt;
  }

  /** Ends `attempt` and has the next one follow after a pause, where retries are left. `head`: of the response that asks for it. */
  follow(attempt: Attempt, head: IncomingResponse | undefined): boolean {
    if (!this.#prepareNext(attempt, head)) return false;
    this.#forget(attempt);
    attempt.drop();
    return true;
  }

  /** The time of `attempt` is up, and it goes on while the next one begins. */
  hedge(attempt: Attempt): void {
    attempt.report(outcomeOf('per-try timeout'));
    this.hasTimedOut = true;
    // where nothing is retried on, a try whose time is up is not even one retry too many
    if (attempt !== this.current || this.retry?.policy.retryOn === 0 || !this.#prepareNext(attempt, undefined)) return;
    (this.#hedged ??= []).push(attempt);
    this.current = undefined;
  }

  /** Ends an attempt that came to nothing, where others run still, or are about to. */
  leaveToOthers(attempt: Attempt): boolean {
    if (this.#hedged === undefined) return false;
    this.#forget(attempt);
    if (this.#hedged.length === 0 && this.current === undefined && this.#backOff === undefined) return false;
    attempt.drop();
    return true;
  }

  /** The response of `attempt` is the client's; others are dropped. */
  win(attempt: Attempt): void {
    attempt.stopTimeout();
    if (this.#hedged === undefined) return;
    this.#forget(attempt);
    this.drop();
    this.current = attempt;
  }

  /** Lets go of whatever runs or waits. */
  drop(): void {
    this.#timers.cancel(this.#backOff);
    this.#backOff = undefined;
    this.current?.drop();
    for (const each of this.#hedged ?? []) each.drop();
    this.current = undefined;
    this.#hedged = undefined;
  }

  /** The request is over: what still runs beside it goes too. */
  finish(): void {
    this.drop();
    this.retry?.release();
  }

  #prepareNext(attempt: Attempt, head: IncomingResponse | undefined): boolean {
    const { retry } = this;
    const { down, isRepeatable } = this.#owner;
    if (retry === undefined || !isRepeatable) return false;
    const { attempts } = down.info;
    const refusal = retry.take(attempts, attempt.wasSent, this.#scope.clock.monotonicMs(), this.#scope.random);
    if (refusal !== undefined) {
      if (refusal !== '') down.setFlag(refusal);
      return false;
    }
    this.tried = [...this.tried, attempt.host];
    if (attempt.wasSent) down.info.triedHosts = [...(down.info.triedHosts ?? []), attempt.host];
    this.#backOff = this.#timers.after(retry.pauseMs(attempts, head, this.#scope), () => {
      this.#backOff = undefined;
      this.#owner.onRetry();
    });
    return true;
  }

  #forget(attempt: Attempt): void {
    if (this.current === attempt) this.current = undefined;
    else this.#hedged = this.#hedged?.filter((each) => each !== attempt);
  }
}
