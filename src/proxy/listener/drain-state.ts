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

/** Whether a filter chain drains, and whom that concerns by now. */
export class DrainState {
  /** Called once each, when the connection that it is of should leave. */
  readonly whenDraining = new Set<() => void>();
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
    const tell = [...this.whenDraining];
    if (options.strategy === 'immediate') {
      this.whenDraining.clear();
      for (const each of tell) each();
      return;
    }
    for (const each of tell) {
      setTimeout(() => {
        // a connection that has closed meanwhile has taken it away
        if (this.whenDraining.delete(each)) each();
      }, random() * options.timeMs).unref();
    }
  }

  /** Whether who asks now is to leave: with `gradual`, with a probability that grows. */
  isDraining(): boolean {
    if (this.#sinceMs === undefined) return false;
    const { options, nowMs, random } = this.#scope;
    if (options.strategy === 'immediate' || options.timeMs <= 0) return true;
    return random() < (nowMs() - this.#sinceMs) / options.timeMs;
  }
}
