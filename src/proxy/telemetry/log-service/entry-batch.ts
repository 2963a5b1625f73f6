/**
 * Entries of access logs on their way to a service: sent when so many bytes have come, or after a while. A service that
 * is slow or away costs entries, which are counted, never memory or traffic.
 */
import type { Counter } from '../stats.ts';
import type { Unsent } from '../unsent.ts';
import type { Timers, WheelTimer } from '../../timers.ts';

interface BatchOptions {
  readonly flushIntervalMs: number;
  /** Bytes above which entries are sent at once; 0: each by itself. */
  readonly bufferBytes: number;
  readonly timers: Timers;
  /** Where it stands while it has entries that the service has not taken. */
  readonly unsent: Set<Unsent>;
  readonly written: Counter;
  readonly dropped: Counter;
}

/** Sends entries; `onDone` is called once: whether the service took them, and how many of them it refused all the same. */
export type SendEntries = (entries: readonly Uint8Array[], onDone: (isTaken: boolean, refused?: number) => void) => void;

/** Bytes that wait above which entries are dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** Requests under way above which entries wait. */
const MAX_REQUESTS = 8;

export class EntryBatch implements Unsent {
  readonly #options: BatchOptions;
  readonly #send: SendEntries;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  #requests = 0;
  /** Entries that are sent and not answered for. */
  #underWay = 0;
  #isGivenUp = false;
  #timer: WheelTimer | undefined = undefined;

  constructor(options: BatchOptions, send: SendEntries) {
    this.#options = options;
    this.#send = send;
  }

  add(entry: Uint8Array): void {
    const { bufferBytes, dropped, timers, flushIntervalMs } = this.#options;
    if (this.#bytes + entry.length > MAX_WAITING_BYTES) {
      dropped.value++;
      return;
    }
    this.#waiting.push(entry);
    this.#bytes += entry.length;
    this.#options.unsent.add(this);
    if (this.#bytes >= bufferBytes) return this.flush();
    this.#timer ??= timers.after(flushIntervalMs, () => {
      this.#timer = undefined;
      this.flush();
    });
  }

  get size(): number {
    return this.#waiting.length + this.#underWay;
  }

  giveUp(): void {
    this.#isGivenUp = true;
    this.#options.dropped.value += this.size;
    this.#waiting = [];
    this.#bytes = 0;
    this.#underWay = 0;
    this.#options.unsent.delete(this);
  }

  flush(): void {
    if (this.#waiting.length === 0 || this.#requests >= MAX_REQUESTS) return;
    const { timers, written, dropped } = this.#options;
    timers.cancel(this.#timer);
    this.#timer = undefined;
    const entries = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    this.#requests++;
    this.#underWay += entries.length;
    this.#send(entries, (isTaken, refused = 0) => {
      this.#requests--;
      if (this.#isGivenUp) return;
      this.#underWay -= entries.length;
      const lost = isTaken ? Math.min(refused, entries.length) : entries.length;
      written.value += entries.length - lost;
      dropped.value += lost;
      // a few go on waiting for their timer, unless it has come meanwhile
      if (this.#bytes >= this.#options.bufferBytes || this.#timer === undefined) this.flush();
      if (this.size === 0) this.#options.unsent.delete(this);
    });
  }
}
