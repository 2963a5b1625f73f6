/**
 * How many requests began within a span of time, up to now. In tenths of the span, so that a request counts for nine
 * tenths of it at least. Envoy: `budget_interval` of a retry budget.
 */
const SLOTS = 10;

export class RequestWindow {
  readonly #slotMs: number;
  readonly #nowMs: () => number;
  readonly #slots = new Float64Array(SLOTS);
  #total = 0;
  /** Number of the newest slot, since the clock's beginning. */
  #newest: number;

  constructor(spanMs: number, nowMs: () => number) {
    this.#slotMs = spanMs / SLOTS;
    this.#nowMs = nowMs;
    this.#newest = Math.floor(nowMs() / this.#slotMs);
  }

  /** A request begins. */
  add(): void {
    this.#forget();
    const at = this.#newest % SLOTS;
    this.#slots[at] = (this.#slots[at] ?? 0) + 1;
    this.#total++;
  }

  count(): number {
    this.#forget();
    return this.#total;
  }

  /** Empties the slots whose time is over. */
  #forget(): void {
    const newest = Math.floor(this.#nowMs() / this.#slotMs);
    const passed = Math.min(SLOTS, newest - this.#newest);
    for (let i = 1; i <= passed; i++) {
      const at = (this.#newest + i) % SLOTS;
      this.#total -= this.#slots[at] ?? 0;
      this.#slots[at] = 0;
    }
    this.#newest = newest;
  }
}
