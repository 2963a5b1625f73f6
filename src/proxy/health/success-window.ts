/** The share of successes in the last while. Pure: time is an argument. */

const SLOTS = 10;

export class SuccessWindow {
  readonly #slotMs: number;
  readonly #totals: number[] = Array.from({ length: SLOTS }, () => 0);
  readonly #successes: number[] = Array.from({ length: SLOTS }, () => 0);
  /** The number of the slot that counts now, since the beginning of time. */
  #slot = 0;

  /** Remembers for `windowMs`, in tenths of it. */
  constructor(windowMs: number) {
    this.#slotMs = windowMs / SLOTS;
  }

  add(isSuccess: boolean, nowMs: number): void {
    this.#advance(nowMs);
    const at = this.#slot % SLOTS;
    this.#totals[at] = (this.#totals[at] ?? 0) + 1;
    if (isSuccess) this.#successes[at] = (this.#successes[at] ?? 0) + 1;
  }

  /** True where at least `minRequests` are remembered and less than the share `threshold` of them succeeded. */
  isBelow(threshold: number, minRequests: number, nowMs: number): boolean {
    this.#advance(nowMs);
    const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);
    const total = sum(this.#totals);
    return total >= minRequests && sum(this.#successes) < threshold * total;
  }

  clear(): void {
    this.#totals.fill(0);
    this.#successes.fill(0);
  }

  #advance(nowMs: number): void {
    const slot = Math.floor(nowMs / this.#slotMs);
    if (slot - this.#slot >= SLOTS) this.clear();
    else {
      for (let i = this.#slot + 1; i <= slot; i++) {
        this.#totals[i % SLOTS] = 0;
        this.#successes[i % SLOTS] = 0;
      }
    }
    this.#slot = slot;
  }
}
