/** Those who wait until something is warm: until all that it needs to serve is there. */
export class WarmWaiters {
  readonly #isWarm: () => boolean;
  #waiting: (() => void)[] = [];

  constructor(isWarm: () => boolean) {
    this.#isWarm = isWarm;
  }

  /** Calls back once it is warm: at once where it is. */
  add(callback: () => void): void {
    if (this.#isWarm()) callback();
    else this.#waiting.push(callback);
  }

  /** To be called when it may have become warm. */
  check(): void {
    if (!this.#isWarm()) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) callback();
  }
}
