/**
 * A hashed timer wheel: timeouts that are set for every request and nearly always cancelled. Setting and cancelling
 * touch one linked list; time comes in as an argument. Timers fire up to one tick late, never early.
 */
import { reportBug } from './bugs.ts';

export interface WheelTimer {
  callback: () => void;
  readonly dueTick: number;
  previous: WheelTimer;
  next: WheelTimer;
  isPending: boolean;
}

function nothing(): void {}

/** The ends of a slot's list: a timer of its own that never fires. */
class ListHead implements WheelTimer {
  readonly dueTick = 0;
  previous: WheelTimer = this;
  next: WheelTimer = this;
  isPending = false;
  callback = nothing;
}

/** Timers in slots of `tickMs`; a timer further away than the wheel is round stays in its slot for another round. */
export class TimerWheel {
  readonly tickMs: number;
  readonly #slots: readonly WheelTimer[];
  #tick: number;
  #size = 0;

  constructor(nowMs: number, tickMs = 10, slots = 512) {
    this.tickMs = tickMs;
    this.#tick = Math.floor(nowMs / tickMs);
    this.#slots = Array.from({ length: slots }, () => new ListHead());
  }

  /** Timers that wait. */
  get size(): number {
    return this.#size;
  }

  /** Calls back once `delayMs` have passed since `nowMs`. */
  schedule(delayMs: number, nowMs: number, callback: () => void): WheelTimer {
    const dueTick = Math.max(this.#tick + 1, Math.ceil((nowMs + delayMs) / this.tickMs));
    const head = this.#slotOf(dueTick);
    const timer: WheelTimer = { callback, dueTick, previous: head.previous, next: head, isPending: true };
    head.previous.next = timer;
    head.previous = timer;
    this.#size++;
    return timer;
  }

  /**
   * Forgets a timer; nothing happens where it has fired. The timer lets go of its neighbours and its callback: one that
   * the collector has moved to the old generation would keep alive there whatever it points to, and that its own
   * neighbours, request after request, until the next full collection.
   */
  cancel(timer: WheelTimer): void {
    if (!timer.isPending) return;
    timer.isPending = false;
    timer.previous.next = timer.next;
    timer.next.previous = timer.previous;
    timer.previous = timer;
    timer.next = timer;
    timer.callback = nothing;
    this.#size--;
  }

  /** Fires what is due at `nowMs`. Callbacks may schedule and cancel. */
  advance(nowMs: number): void {
    const target = Math.floor(nowMs / this.tickMs);
    const from = Math.max(this.#tick + 1, target - this.#slots.length + 1);
    this.#tick = Math.max(this.#tick, target);
    for (let tick = from; tick <= target; tick++) this.#fire(this.#slotOf(tick), target);
  }

  /** Milliseconds until the next tick that has a timer due, or Infinity. */
  nextDueMs(nowMs: number): number {
    if (this.#size === 0) return Infinity;
    let next = Infinity;
    for (let i = 1; i <= this.#slots.length && next === Infinity; i++) {
      const tick = this.#tick + i;
      const head = this.#slotOf(tick);
      for (let timer = head.next; timer !== head; timer = timer.next) if (timer.dueTick === tick) next = tick;
    }
    // Only timers of later rounds: look again when the wheel has gone round.
    if (next === Infinity) next = this.#tick + this.#slots.length;
    return Math.max(0, next * this.tickMs - nowMs);
  }

  #slotOf(tick: number): WheelTimer {
    const slot = this.#slots[tick % this.#slots.length];
    if (slot === undefined) throw new Error(`no slot for tick ${tick}`);
    return slot;
  }

  #fire(head: WheelTimer, target: number): void {
    const due: WheelTimer[] = [];
    for (let timer = head.next; timer !== head; timer = timer.next) if (timer.dueTick <= target) due.push(timer);
    for (const timer of due) {
      if (!timer.isPending) continue;
      const { callback } = timer;
      this.cancel(timer);
      // One timer's bug must not keep the others from firing.
      try {
        callback();
      } catch (error) {
        reportBug(error);
      }
    }
  }
}
