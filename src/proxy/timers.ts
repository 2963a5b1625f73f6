import type { Clock } from '../core/clock.ts';
import { timerMs } from '../core/timer-limit.ts';
import { TimerWheel, type WheelTimer } from '../core/timer-wheel.ts';

export type { WheelTimer } from '../core/timer-wheel.ts';

/** Timeouts over a timer wheel, driven by one timer of Node's that sleeps until the next one is due. */
export class Timers {
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  #driver: NodeJS.Timeout | undefined = undefined;
  #wakesAtMs = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wheel = new TimerWheel(clock.monotonicMs());
  }

  /** Timers that wait. */
  get size(): number {
    return this.#wheel.size;
  }

  /** Calls back after `delayMs`, up to one tick (10 ms) late. */
  after(delayMs: number, callback: () => void): WheelTimer {
    const nowMs = this.#clock.monotonicMs();
    const timer = this.#wheel.schedule(delayMs, nowMs, callback);
    const dueMs = timer.dueTick * this.#wheel.tickMs;
    if (dueMs < this.#wakesAtMs) this.#sleep(dueMs, nowMs);
    return timer;
  }

  cancel(timer: WheelTimer | undefined): void {
    if (timer !== undefined) this.#wheel.cancel(timer);
  }

  #sleep(untilMs: number, nowMs: number): void {
    clearTimeout(this.#driver);
    this.#wakesAtMs = untilMs;
    this.#driver = setTimeout(() => this.#wake(), timerMs(Math.max(1, Math.ceil(untilMs - nowMs))));
    this.#driver.unref();
  }

  #wake(): void {
    this.#wakesAtMs = Infinity;
    this.#wheel.advance(this.#clock.monotonicMs());
    const nowMs = this.#clock.monotonicMs();
    const nextMs = this.#wheel.nextDueMs(nowMs);
    if (nextMs !== Infinity && nowMs + nextMs < this.#wakesAtMs) this.#sleep(nowMs + nextMs, nowMs);
  }
}

const byClock = new WeakMap<Clock, Timers>();

/** The timers that run by a clock: one set for each clock, shared by all that use it. */
export function timersOf(clock: Clock): Timers {
  let timers = byClock.get(clock);
  if (timers === undefined) byClock.set(clock, (timers = new Timers(clock)));
  return timers;
}
