import { timerMs } from '../../core/timer-limit.ts';
import { Bag, type Bagged, NOWHERE } from '../../core/bag.ts';
import type { Random } from '../../core/clock.ts';

/** How a proxy's clients are asked to leave. */
export interface DrainOptions {
  /** `immediate`: all at once; `gradual`: ever more of them, until the time is over. Envoy: `--drain-strategy`. */
  readonly strategy: 'immediate' | 'gradual';
  /** In milliseconds. Envoy: `--drain-time-s`. */
  readonly timeMs: number;
}

interface DrainScope {
  readonly options: DrainOptions;
  readonly nowMs: () => number;
  readonly random: Random;
}

/** Somebody who wants to know when to leave. */
export interface Leaver extends Bagged {
  /** Called once. */
  leave(): void;
}

/** Whether a filter chain drains, and whom that concerns by now. */
export class DrainState {
  /** Told once each, when the connection that it is of should leave; `NOWHERE` is the place of who has been told. */
  readonly whenDraining = new Bag<Leaver>();
  readonly #scope: DrainScope;
  #sinceMs: number | undefined = undefined;

  constructor(scope: DrainScope) {
    this.#scope = scope;
  }

  /** Whether it has drained for so long. */
  hasLasted(ms: number): boolean {
    return this.#sinceMs !== undefined && this.#scope.nowMs() - this.#sinceMs >= ms;
  }

  begin(): void {
    if (this.#sinceMs !== undefined) return;
    const { options, nowMs, random } = this.#scope;
    this.#sinceMs = nowMs();
    for (const each of this.whenDraining.values()) {
      if (options.strategy === 'immediate') this.#tell(each);
      else setTimeout(() => this.#tell(each), timerMs(random() * options.timeMs)).unref();
    }
  }

  #tell(leaver: Leaver): void {
    // a connection that has closed meanwhile has taken it away
    if (leaver.place === NOWHERE) return;
    this.whenDraining.delete(leaver);
    leaver.leave();
  }

  /** Whether who asks now is to leave: with `gradual`, with a probability that grows. */
  isDraining(): boolean {
    if (this.#sinceMs === undefined) return false;
    const { options, nowMs, random } = this.#scope;
    if (options.strategy === 'immediate' || options.timeMs <= 0) return true;
    return random() < (nowMs() - this.#sinceMs) / options.timeMs;
  }
}
