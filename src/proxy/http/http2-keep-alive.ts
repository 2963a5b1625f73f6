import type { Random } from '../../core/clock.ts';
import type { Timers, WheelTimer } from '../timers.ts';
import type { KeepAliveOptions } from './http2-options.ts';

/** Asks an HTTP/2 peer for signs of life, by PING. Source: Envoy, config.core.v3.KeepaliveSettings. */
export class KeepAlive {
  readonly #options: KeepAliveOptions;
  readonly #timers: Timers;
  readonly #random: Random;
  readonly #ping: () => void;
  readonly #onSilence: () => void;
  #interval: WheelTimer | undefined = undefined;
  #timeout: WheelTimer | undefined = undefined;

  /** Starts at once. `ping` asks; `onSilence` is told where no answer came in time. */
  constructor(options: KeepAliveOptions, timers: Timers, random: Random, ping: () => void, onSilence: () => void) {
    this.#options = options;
    this.#timers = timers;
    this.#random = random;
    this.#ping = ping;
    this.#onSilence = onSilence;
    this.#wait();
  }

  /** Asks now, unless an answer is awaited already. */
  ask(): void {
    if (this.#timeout !== undefined) return;
    this.#timers.cancel(this.#interval);
    this.#ping();
    this.#timeout = this.#timers.after(this.#options.timeoutMs, () => this.#onSilence());
  }

  /** The peer has answered. */
  onPong(): void {
    this.#timers.cancel(this.#timeout);
    this.#timeout = undefined;
    this.#wait();
  }

  stop(): void {
    this.#timers.cancel(this.#interval);
    this.#timers.cancel(this.#timeout);
  }

  #wait(): void {
    const { intervalMs, jitter } = this.#options;
    this.#timers.cancel(this.#interval);
    if (intervalMs > 0) this.#interval = this.#timers.after(intervalMs * (1 + jitter * this.#random()), () => this.ask());
  }
}
