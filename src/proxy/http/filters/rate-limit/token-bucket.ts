/** A bucket of tokens that fills all the time, not at intervals. Times are `Clock.monotonicMs`. */
export class TokenBucket {
  readonly maxTokens: number;
  readonly perSecond: number;
  #tokens: number;
  /** When `#tokens` was true. A full bucket needs no time. */
  #atMs = 0;

  /** The bucket is full at first; with `perSecond` 0 it fills no more. */
  constructor(maxTokens: number, perSecond: number) {
    this.maxTokens = maxTokens;
    this.perSecond = perSecond;
    this.#tokens = maxTokens;
  }

  /** Leaves so many tokens in the bucket, from now on. */
  reset(tokens: number, nowMs: number): void {
    this.#tokens = tokens;
    this.#atMs = nowMs;
  }

  /** Takes a token; false where there is none. */
  consume(nowMs: number): boolean {
    return this.takeUpTo(1, nowMs) === 1;
  }

  /** Takes as many whole tokens as there are, `wanted` at most; returns how many. */
  takeUpTo(wanted: number, nowMs: number): number {
    const tokens = this.#tokensAt(nowMs);
    const taken = Math.min(wanted, Math.floor(tokens));
    // who asks late may ask for an earlier time
    this.reset(tokens - taken, Math.max(this.#atMs, nowMs));
    return taken;
  }

  /** Whole tokens now. */
  remaining(nowMs: number): number {
    return Math.floor(this.#tokensAt(nowMs));
  }

  /** Seconds, rounded up, until there is a token; 0 where there is. */
  secondsToNext(nowMs: number): number {
    const tokens = this.#tokensAt(nowMs);
    return tokens >= 1 ? 0 : Math.ceil((1 - tokens) / this.perSecond);
  }

  #tokensAt(nowMs: number): number {
    if (this.#tokens >= this.maxTokens) return this.maxTokens;
    return Math.min(this.maxTokens, this.#tokens + (Math.max(0, nowMs - this.#atMs) / 1000) * this.perSecond);
  }
}
