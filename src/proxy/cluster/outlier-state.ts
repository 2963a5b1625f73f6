/** What outlier detection remembers of one host. */
import type { Random } from '../../core/clock.ts';

/** Attempts in one interval and how many succeeded. */
export interface Tally {
  total: number;
  successes: number;
}

/** How long measures against hosts last, in milliseconds. */
export interface MeasureTimes {
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly jitterMs: number;
}

/**
 * A measure against a host that lasts longer each time: an ejection, or being used as a last resort. Its length grows by
 * the base with every time, and sinks by it with every interval in which the host behaves.
 */
export class Measure {
  isOn = false;
  /** Times that it was taken. */
  times = 0;
  /** `Clock.monotonicMs` of when it began and ended last; undefined before. */
  begunMs: number | undefined = undefined;
  endedMs: number | undefined = undefined;
  #factor = 0;
  #jitterMs = 0;

  begin(nowMs: number, { baseEjectionMs, maxEjectionMs, jitterMs }: MeasureTimes, random: Random): void {
    this.isOn = true;
    this.times++;
    this.begunMs = nowMs;
    this.#jitterMs = Math.floor(random() * (jitterMs + 1));
    // one more than what counts, so that it takes an interval longer to sink
    if (this.#factor * baseEjectionMs < maxEjectionMs + baseEjectionMs) this.#factor++;
  }

  end(nowMs: number): void {
    this.isOn = false;
    this.endedMs = nowMs;
  }

  /** How long it lasts now, in milliseconds; to be looked at once an interval. */
  lengthMs({ baseEjectionMs, maxEjectionMs }: MeasureTimes): number {
    return Math.min(baseEjectionMs * this.#factor, maxEjectionMs) + this.#jitterMs;
  }

  isOver(nowMs: number, times: MeasureTimes): boolean {
    return this.isOn && this.begunMs !== undefined && nowMs - this.begunMs >= this.lengthMs(times);
  }

  /** An interval has passed. */
  sink(nowMs: number, { intervalMs }: MeasureTimes): void {
    if (!this.isOn && this.endedMs !== undefined && nowMs - this.endedMs >= intervalMs && this.#factor > 0) this.#factor--;
  }
}

export class OutlierState {
  consecutive5xx = 0;
  consecutiveGatewayFailures = 0;
  consecutiveLocalOriginFailures = 0;
  readonly external: Tally = { total: 0, successes: 0 };
  readonly localOrigin: Tally = { total: 0, successes: 0 };
  readonly ejection: Measure = new Measure();
  readonly degradation: Measure = new Measure();

  /** Failures before an ejection do not count after it. */
  forgetFailures(): void {
    this.consecutive5xx = 0;
    this.consecutiveGatewayFailures = 0;
    this.consecutiveLocalOriginFailures = 0;
  }
}
