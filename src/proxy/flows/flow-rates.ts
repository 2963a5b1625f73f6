/** Which streams a proxy tells of: a decision before anything is written of them, of some nanoseconds. */
import type { StreamInfo } from '../http/stream-info.ts';

/** Tokens that come back over time, as many as one second brings at most. */
export class TokenBucket {
  #perMs = 0;
  #max = 0;
  #tokens = 0;
  #atMs = 0;

  /** A bucket that is full. */
  setRate(perSecond: number): void {
    this.#perMs = perSecond / 1000;
    // a rate below one a second still lets one through
    this.#max = perSecond === 0 ? 0 : Math.max(1, perSecond);
    this.#tokens = this.#max;
  }

  /** Takes a token; false where there is none. `nowMs` is monotonic. */
  take(nowMs: number): boolean {
    if (nowMs > this.#atMs) {
      this.#tokens = Math.min(this.#max, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
      this.#atMs = nowMs;
    }
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
const TOO_MANY_REQUESTS = 429;
const SERVER_ERROR = 500;

/** True for what was denied or failed, or looks so from here. */
export function isTrouble({ flags, responseCode, request, terminationDetails }: StreamInfo): boolean {
  if (flags !== 0 || responseCode >= SERVER_ERROR) return true;
  if (request === undefined) return terminationDetails !== '';
  return responseCode === 0 || responseCode === FORBIDDEN || responseCode === UNAUTHORIZED || responseCode === TOO_MANY_REQUESTS;
}

/** Rates a second, for all of a proxy's event loops together. */
export interface Rates {
  readonly ordinary: number;
  readonly trouble: number;
  readonly tapped: number;
}

/** Where the control plane says nothing. */
export const DEFAULT_RATES: Rates = { ordinary: 10, trouble: 200, tapped: 1000 };

export class FlowRates {
  readonly #loops: number;
  readonly #ordinary = new TokenBucket();
  readonly #trouble = new TokenBucket();
  readonly #tapped = new TokenBucket();
  #rates: Rates | undefined;
  isTapped = false;
  /** Streams that should have been told of, and had no token. */
  lost = 0;

  constructor(loops: number) {
    this.#loops = loops;
    this.setRates(DEFAULT_RATES);
  }

  setRates(rates: Rates): void {
    const former = this.#rates;
    if (former?.ordinary !== rates.ordinary) this.#ordinary.setRate(rates.ordinary / this.#loops);
    if (former?.trouble !== rates.trouble) this.#trouble.setRate(rates.trouble / this.#loops);
    if (former?.tapped !== rates.tapped) this.#tapped.setRate(rates.tapped / this.#loops);
    this.#rates = rates;
  }

  /** True where the stream is to be told of. */
  takes(info: StreamInfo): boolean {
    if (this.isTapped) {
      if (this.#tapped.take(info.endMs)) return true;
      this.lost++;
      return false;
    }
    if (!isTrouble(info)) return this.#ordinary.take(info.endMs);
    if (this.#trouble.take(info.endMs)) return true;
    this.lost++;
    return false;
  }
}
