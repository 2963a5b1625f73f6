/**
 * What goes to a collector in batches: sent so much at a time, or after a while. A collector that is slow or away costs
 * items, which are counted, never memory or traffic.
 *
 * Items wait as bytes, one behind the other. As objects each of them lived through collections of the young generation
 * until its batch went, and was garbage of the old one after that: with one request in a hundred sampled, that was a third
 * of all that became old, and a collection of the old generation costs as much as a thousand requests.
 */
import { Buffer } from 'node:buffer';
import type { Timers, WheelTimer } from '../timers.ts';
import type { Counter } from './stats.ts';
import type { Unsent } from './unsent.ts';

/**
 * Sends items. `bytes` are borrowed: they are the batch's again when this returns. `onDone` is called once, never during the
 * call: whether the collector took them, and how many of them it refused all the same.
 */
export type SendBatch = (bytes: Uint8Array, items: number, onDone: (isTaken: boolean, refused?: number) => void) => void;

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
  /** Batches under way above which items wait. */
  readonly maxUnderWay: number;
  readonly timers: Timers;
  /** Where it stands while it has items that no collector has taken. */
  readonly unsent: Set<Unsent>;
  readonly stats: BatchStats;
}

const FIRST_BYTES = 1024;
/** Room for what waits that is kept when a batch has gone. */
const KEPT_BYTES = 64 * 1024;

function count(counter: Counter | undefined, items = 1): void {
  if (counter !== undefined) counter.value += items;
}

/** Items on their way to one collector. */
export class Batch implements Unsent {
  readonly #options: BatchOptions;
  readonly #send: SendBatch;
  /** Ends what the sender keeps open for more, for there will be none. */
  readonly #finish: (() => void) | undefined;
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;
  #items = 0;
  #weight = 0;
  #batches = 0;
  /** Items that are sent and not answered for. */
  #underWay = 0;
  #isGivenUp = false;
  #timer: WheelTimer | undefined = undefined;
  /** Runs for a while after a batch has gone. */
  #pace: WheelTimer | undefined = undefined;

  constructor(options: BatchOptions, send: SendBatch, finish?: () => void) {
    this.#options = options;
    this.#send = send;
    this.#finish = finish;
  }

  /** Takes one item, whose bytes are copied. */
  add(item: Uint8Array, weight: number): void {
    const { stats, maxWeight, timers, flushIntervalMs } = this.#options;
    if (this.#weight + weight > maxWeight) return count(stats.dropped);
    this.#append(item);
    this.#weight += weight;
    this.#options.unsent.add(this);
    if (this.#isDue()) return this.#go();
    this.#timer ??= timers.after(flushIntervalMs, () => {
      this.#timer = undefined;
      count(stats.timerFlushed);
      this.#go();
    });
  }

  get size(): number {
    return this.#items + this.#underWay;
  }

  flush(): void {
    this.#go();
    this.#finish?.();
  }

  giveUp(): void {
    this.#isGivenUp = true;
    count(this.#options.stats.lost, this.size);
    this.#clear();
    this.#underWay = 0;
    this.#options.unsent.delete(this);
  }

  #append(item: Uint8Array): void {
    const end = this.#length + item.length;
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, this.#bytes.length * 2, end));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(item, this.#length);
    this.#length = end;
    this.#items++;
  }

  /** Nothing waits any more. */
  #clear(): void {
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    this.#items = 0;
    this.#weight = 0;
  }

  /** Enough waits to go now. */
  #isDue(): boolean {
    const { flushWeight, pace } = this.#options;
    return this.#weight >= (this.#pace === undefined || pace === undefined ? flushWeight : pace.fullWeight);
  }

  /** Sends what waits, unless too much is under way. */
  #go(): void {
    const { timers, stats, maxUnderWay } = this.#options;
    const items = this.#items;
    if (items === 0 || this.#batches >= maxUnderWay) return;
    timers.cancel(this.#timer);
    this.#timer = undefined;
    this.#startPace();
    this.#batches++;
    this.#underWay += items;
    count(stats.sent, items);
    this.#send(this.#bytes.subarray(0, this.#length), items, (isTaken, refused = 0) =>
      this.#onDone(items, isTaken ? Math.min(refused, items) : items),
    );
    this.#clear();
  }

  #startPace(): void {
    const { timers, pace } = this.#options;
    if (pace === undefined) return;
    timers.cancel(this.#pace);
    this.#pace = timers.after(pace.everyMs, () => {
      this.#pace = undefined;
      if (this.#isDue()) this.#go();
    });
  }

  /** A batch of so many items is answered for. */
  #onDone(items: number, lost: number): void {
    const { stats, unsent } = this.#options;
    this.#batches--;
    if (this.#isGivenUp) return;
    this.#underWay -= items;
    count(stats.taken, items - lost);
    count(stats.lost, lost);
    // a few go on waiting for their timer, unless it has come meanwhile
    if (this.#isDue() || this.#timer === undefined) this.#go();
    if (this.size === 0) unsent.delete(this);
  }
}
