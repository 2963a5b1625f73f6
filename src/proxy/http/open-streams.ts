/**
 * Streams that last (WebSockets, streaming gRPC, requests that nobody answers), told of while they do. All streams stand in
 * a list by their age, which costs a request two assignments at each end; one timer looks at the oldest.
 */
import type { Clock } from '../../core/clock.ts';
import type { Timers, WheelTimer } from '../timers.ts';
import type { StreamInfo } from './stream-info.ts';

/** A place in the list: a stream. */
export interface OpenStream {
  readonly info: StreamInfo;
  older: OpenStream | undefined;
  younger: OpenStream | undefined;
  /** When it was told of last, by `Clock.monotonicMs`; 0 where it was not. */
  toldMs: number;
}

/** How old a stream or a connection is before anybody hears of it, in milliseconds. */
export const OPEN_AFTER_MS = 5_000;
/** How often from then on. */
export const OPEN_EVERY_MS = 300_000;

export class OpenStreams {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #tell: (info: StreamInfo) => void;
  #oldest: OpenStream | undefined = undefined;
  #youngest: OpenStream | undefined = undefined;
  #timer: WheelTimer | undefined = undefined;

  /** `tell` gets what a stream is so far: a copy, which ends now. */
  constructor(clock: Clock, timers: Timers, tell: (info: StreamInfo) => void) {
    this.#clock = clock;
    this.#timers = timers;
    this.#tell = tell;
  }

  add(stream: OpenStream): void {
    stream.older = this.#youngest;
    if (this.#youngest === undefined) this.#oldest = stream;
    else this.#youngest.younger = stream;
    this.#youngest = stream;
    if (this.#timer === undefined) this.#watch();
  }

  delete(stream: OpenStream): void {
    const { older, younger } = stream;
    if (older === undefined) this.#oldest = younger;
    else older.younger = younger;
    if (younger === undefined) this.#youngest = older;
    else younger.older = older;
    stream.older = undefined;
    stream.younger = undefined;
  }

  /** Goes on as long as there are streams. */
  #watch(): void {
    this.#timer = this.#timers.after(OPEN_AFTER_MS, () => {
      this.#timer = undefined;
      this.#look();
      if (this.#oldest !== undefined) this.#watch();
    });
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    for (let each = this.#oldest; each !== undefined && nowMs - each.info.startMs >= OPEN_AFTER_MS; each = each.younger) {
      if (each.toldMs !== 0 && nowMs - each.toldMs < OPEN_EVERY_MS) continue;
      each.toldMs = nowMs;
      this.#tell({ ...each.info, logKind: 'DownstreamPeriodic', endMs: nowMs });
    }
  }
}
