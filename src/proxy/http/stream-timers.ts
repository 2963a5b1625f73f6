import type { ScaledTimeout } from '../overload/overload.ts';
import type { Timers, WheelTimer } from '../timers.ts';

/** Who is told that time is up. */
export interface TimedStream {
  onRequestTimeout(): void;
  onMaxDuration(): void;
  onIdle(): void;
}

/** The time limits of one stream (Envoy: request_timeout, max_stream_duration, stream_idle_timeout) and its filters' delays. */
export class StreamTimers {
  readonly #timers: Timers;
  readonly #stream: TimedStream;
  #idleMs = 0;
  #durationMs: number | undefined = undefined;
  #idle: WheelTimer | undefined = undefined;
  #request: WheelTimer | undefined = undefined;
  #duration: WheelTimer | undefined = undefined;
  #delays: WheelTimer[] | undefined = undefined;
  readonly #scaled: ScaledTimeout | undefined;
  readonly #onLoad: (() => void) | undefined = undefined;

  /** `scaled`: what load makes of `stream_idle_timeout`. */
  constructor(timers: Timers, stream: TimedStream, scaled?: ScaledTimeout) {
    this.#timers = timers;
    this.#stream = stream;
    this.#scaled = scaled;
    if (scaled === undefined) return;
    this.#onLoad = () => this.touch();
    scaled.watchers.add(this.#onLoad);
  }

  /** Starts what runs from the head on. `requestMs` is for what follows the head; 0, or undefined, for no limit. */
  start(idleMs: number, requestMs: number, durationMs: number | undefined): void {
    this.#idleMs = idleMs;
    if (requestMs > 0) this.#request = this.#timers.after(requestMs, () => this.#stream.onRequestTimeout());
    this.#durationMs = durationMs;
    if (durationMs !== undefined) this.#duration = this.#timers.after(durationMs, () => this.#stream.onMaxDuration());
    this.touch();
  }

  /** What the route says takes the place of that: `idleMs` undefined where it says nothing, `elapsedMs` since `start`. */
  override(idleMs: number | undefined, durationMs: number | undefined, elapsedMs: number): void {
    if (idleMs !== undefined) {
      this.#idleMs = idleMs;
      this.touch();
    }
    if (durationMs === this.#durationMs) return;
    this.#durationMs = durationMs;
    this.#timers.cancel(this.#duration);
    if (durationMs === undefined) return;
    this.#duration = this.#timers.after(Math.max(0, durationMs - elapsedMs), () => this.#stream.onMaxDuration());
  }

  /** Something moved: the stream is not idle. */
  touch(): void {
    if (this.#idle !== undefined) this.#timers.cancel(this.#idle);
    const idleMs = this.#scaled === undefined ? this.#idleMs : this.#scaled.scaled(this.#idleMs);
    this.#idle = idleMs > 0 ? this.#timers.after(idleMs, () => this.#stream.onIdle()) : undefined;
  }

  requestDone(): void {
    this.#timers.cancel(this.#request);
  }

  /** Calls back after `delayMs`, unless `stop` comes before. */
  after(delayMs: number, callback: () => void): void {
    (this.#delays ??= []).push(this.#timers.after(delayMs, callback));
  }

  stop(): void {
    if (this.#onLoad !== undefined) this.#scaled?.watchers.delete(this.#onLoad);
    const timers = this.#timers;
    timers.cancel(this.#idle);
    timers.cancel(this.#request);
    timers.cancel(this.#duration);
    for (const timer of this.#delays ?? []) timers.cancel(timer);
  }
}
