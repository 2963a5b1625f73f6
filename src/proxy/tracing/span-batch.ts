/**
 * Spans on their way to a collector: sent so many at a time, or after a while. A collector that is slow or away costs
 * spans, which are counted, never memory or traffic.
 */
import type { Counter } from '../telemetry/stats.ts';
import type { Unsent } from '../telemetry/unsent.ts';
import type { Timers, WheelTimer } from '../timers.ts';
import type { Span } from './span.ts';

/** Sends spans; `onDone` is called once: whether the collector took them, and how many of them it refused all the same. */
export type SendSpans = (spans: readonly Span[], onDone: (isTaken: boolean, refused: number) => void) => void;

export interface BatchOptions {
  readonly flushIntervalMs: number;
  /** Spans that wait when they are sent without waiting for the interval. */
  readonly minFlushSpans: number;
  /** Spans that wait above which further ones are dropped. */
  readonly maxSpans: number;
  readonly timers: Timers;
  /** Where it stands while it has spans that no collector has taken. */
  readonly unsent: Set<Unsent>;
  readonly stats: {
    readonly spansSent: Counter;
    /** Never sent, for too many waited. */
    readonly spansDropped: Counter;
    /** Sent to a collector that did not take them, or refused them; or left when the proxy ended. */
    readonly spansLost: Counter;
    readonly timerFlushed: Counter;
  };
}

/** Requests to the collector under way above which spans wait. */
const MAX_REQUESTS = 16;

export class SpanBatch implements Unsent {
  readonly #options: BatchOptions;
  readonly #send: SendSpans;
  #waiting: Span[] = [];
  #requests = 0;
  /** Spans that are sent and not answered for. */
  #underWay = 0;
  #isGivenUp = false;
  #timer: WheelTimer | undefined = undefined;

  constructor(options: BatchOptions, send: SendSpans) {
    this.#options = options;
    this.#send = send;
  }

  add(span: Span): void {
    const { stats, maxSpans, minFlushSpans, timers, flushIntervalMs } = this.#options;
    if (this.#waiting.length >= maxSpans) {
      stats.spansDropped.value++;
      return;
    }
    this.#waiting.push(span);
    this.#options.unsent.add(this);
    if (this.#waiting.length >= minFlushSpans) return this.flush();
    this.#timer ??= timers.after(flushIntervalMs, () => {
      this.#timer = undefined;
      stats.timerFlushed.value++;
      this.flush();
    });
  }

  get size(): number {
    return this.#waiting.length + this.#underWay;
  }

  giveUp(): void {
    this.#isGivenUp = true;
    this.#options.stats.spansLost.value += this.size;
    this.#waiting = [];
    this.#underWay = 0;
    this.#options.unsent.delete(this);
  }

  flush(): void {
    if (this.#waiting.length === 0 || this.#requests >= MAX_REQUESTS) return;
    this.#options.timers.cancel(this.#timer);
    this.#timer = undefined;
    const spans = this.#waiting;
    this.#waiting = [];
    this.#requests++;
    this.#underWay += spans.length;
    this.#options.stats.spansSent.value += spans.length;
    this.#send(spans, (isTaken, refused) => {
      this.#requests--;
      if (this.#isGivenUp) return;
      this.#underWay -= spans.length;
      this.#options.stats.spansLost.value += isTaken ? Math.min(refused, spans.length) : spans.length;
      // a few go on waiting for their timer, unless it has come meanwhile
      if (this.#waiting.length >= this.#options.minFlushSpans || this.#timer === undefined) this.flush();
      if (this.size === 0) this.#options.unsent.delete(this);
    });
  }
}
