/**
 * What goes to a collector in batches: sent so much at a time, or after a while. A collector that is slow or away costs
 * items, which are counted, never memory or traffic.
 */
import type { Timers, WheelTimer } from '../timers.ts';
import type { Counter } from './stats.ts';
import type { Unsent } from './unsent.ts';

/** Sends items; `onDone` is called once: whether the collector took them, and how many of them it refused all the same. */
export type SendBatch<Item> = (items: readonly Item[], onDone: (isTaken: boolean, refused?: number) => void) => void;

/** What is counted of items; who does not count something leaves it out. */
interface BatchStats {
  readonly sent?: Counter;
  /** Taken by the collector, and not refused. */
  readonly taken?: Counter;
  /** Never sent, for too many waited. */
  readonly dropped: Counter;
  /** Sent to a collector that did not take them, or refused them; or left when the proxy ended. */
  readonly lost: Counter;
  /** Batches that went out after a while. */
  readonly timerFlushed?: Counter;
}

/** Weights are of what waits, in whatever unit `add` is given. */
export interface BatchOptions {
  readonly flushIntervalMs: number;
  /** From it on what waits is sent without waiting for the interval. */
  readonly flushWeight: number;
  /**
   * Where items come fast: how long after a batch the next one goes at the soonest, unless `fullWeight` waits. Absent where
   * each goes when it has its weight.
   */
  readonly pace?: { readonly everyMs: number; readonly fullWeight: number } | undefined;
  /** Items that would go above it are dropped. */
  readonly maxWeight: number;
  /** Requests to the collector under way above which items wait. */
  readonly maxRequests: number;
  readonly timers: Timers;
  /** Where it stands while it has items that no collector has taken. */
  readonly unsent: Set<Unsent>;
  readonly stats: BatchStats;
}

function count(counter: Counter | undefined, items = 1): void {
  if (counter !== undefined) counter.value += items;
}

/** Items on their way to one collector. */
export class Batch<Item> implements Unsent {
  readonly #options: BatchOptions;
  readonly #send: SendBatch<Item>;
  #waiting: Item[] = [];
  #weight = 0;
  #requests = 0;
  /** Items that are sent and not answered for. */
  #underWay = 0;
  #isGivenUp = false;
  #timer: WheelTimer | undefined = undefined;
  /** Runs for a while after a batch has gone. */
  #pace: WheelTimer | undefined = undefined;

  constructor(options: BatchOptions, send: SendBatch<Item>) {
    this.#options = options;
    this.#send = send;
  }

  add(item: Item, weight = 1): void {
    const { stats, maxWeight, timers, flushIntervalMs } = this.#options;
    if (this.#weight + weight > maxWeight) return count(stats.dropped);
    this.#waiting.push(item);
    this.#weight += weight;
    this.#options.unsent.add(this);
    if (this.#isDue()) return this.flush();
    this.#timer ??= timers.after(flushIntervalMs, () => {
      this.#timer = undefined;
      count(stats.timerFlushed);
      this.flush();
    });
  }

  /** Enough waits to go now. */
  #isDue(): boolean {
    const { flushWeight, pace } = this.#options;
    return this.#weight >= (this.#pace === undefined || pace === undefined ? flushWeight : pace.fullWeight);
  }

  get size(): number {
    return this.#waiting.length + this.#underWay;
  }

  giveUp(): void {
    this.#isGivenUp = true;
    count(this.#options.stats.lost, this.size);
    this.#take();
    this.#underWay = 0;
    this.#options.unsent.delete(this);
  }

  flush(): void {
    const { timers, stats, maxRequests } = this.#options;
    if (this.#waiting.length === 0 || this.#requests >= maxRequests) return;
    timers.cancel(this.#timer);
    this.#timer = undefined;
    this.#startPace();
    const items = this.#take();
    this.#requests++;
    this.#underWay += items.length;
    count(stats.sent, items.length);
    this.#send(items, (isTaken, refused = 0) => this.#onDone(items.length, isTaken ? Math.min(refused, items.length) : items.length));
  }

  #startPace(): void {
    const { timers, pace } = this.#options;
    if (pace === undefined) return;
    timers.cancel(this.#pace);
    this.#pace = timers.after(pace.everyMs, () => {
      this.#pace = undefined;
      if (this.#isDue()) this.flush();
    });
  }

  /** All that waits, which does not any more. */
  #take(): readonly Item[] {
    const items = this.#waiting;
    this.#waiting = [];
    this.#weight = 0;
    return items;
  }

  /** A request is over that had so many items. */
  #onDone(items: number, lost: number): void {
    const { stats, unsent } = this.#options;
    this.#requests--;
    if (this.#isGivenUp) return;
    this.#underWay -= items;
    count(stats.taken, items - lost);
    count(stats.lost, lost);
    // a few go on waiting for their timer, unless it has come meanwhile
    if (this.#isDue() || this.#timer === undefined) this.flush();
    if (this.size === 0) unsent.delete(this);
  }
}
