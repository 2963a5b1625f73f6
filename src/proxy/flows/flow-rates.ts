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

/** True for what has not ended. */
function isOpen({ logKind }: StreamInfo): boolean {
  return logKind === 'TcpPeriodic' || logKind === 'DownstreamPeriodic';
}

const WINDOW_MS = 1000;

/**
 * Which of many streams are told of: one of two, of four, and so on, by the ids of requests, so that the proxies on a
 * request's way tell of the same ones. How many are left out follows what went through in the second before.
 */
export class Thinning {
  #mask = 0;
  #seen = 0;
  #windowMs = 0;

  /** False where a stream is left out. `perSecond` is how many are wanted. */
  keeps(info: StreamInfo, perSecond: number): boolean {
    const passedMs = info.endMs - this.#windowMs;
    if (passedMs >= WINDOW_MS) this.#begin(info.endMs, (this.#seen * 1000) / passedMs / perSecond);
    this.#seen++;
    if (this.#mask === 0) return true;
    const id = info.request?.headers.get('x-request-id');
    // without an id, or with one that is no UUID, the tokens alone decide
    const number = id === undefined ? Number.NaN : Number.parseInt(id.slice(0, 8), 16);
    return Number.isNaN(number) || (number & this.#mask) === 0;
  }

  #begin(nowMs: number, excess: number): void {
    const halvings = Number.isFinite(excess) && excess > 1 ? Math.min(30, Math.ceil(Math.log2(excess))) : 0;
    this.#mask = 2 ** halvings - 1;
    this.#seen = 0;
    this.#windowMs = nowMs;
  }
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
  readonly #thinning = new Thinning();
  /** What lasts is told of as often as what does not, and not left out for it. */
  readonly #lasting = new TokenBucket();
  readonly #trouble = new TokenBucket();
  readonly #tapped = new TokenBucket();
  #rates: Rates = { ordinary: -1, trouble: -1, tapped: -1 };
  isTapped = false;
  /** Streams that should have been told of, and had no token. */
  lost = 0;

  constructor(loops: number) {
    this.#loops = loops;
    this.setRates(DEFAULT_RATES);
  }

  setRates(rates: Rates): void {
    const former = this.#rates;
    if (former.ordinary !== rates.ordinary) {
      this.#ordinary.setRate(rates.ordinary / this.#loops);
      this.#lasting.setRate(rates.ordinary / this.#loops);
    }
    if (former.trouble !== rates.trouble) this.#trouble.setRate(rates.trouble / this.#loops);
    if (former.tapped !== rates.tapped) this.#tapped.setRate(rates.tapped / this.#loops);
    this.#rates = rates;
  }

  /** True where the stream is to be told of. */
  takes(info: StreamInfo): boolean {
    if (this.isTapped) {
      if (this.#tapped.take(info.endMs)) return true;
      this.lost++;
      return false;
    }
    if (isOpen(info)) return this.#lasting.take(info.endMs);
    if (!isTrouble(info)) return this.#thinning.keeps(info, this.#rates.ordinary / this.#loops) && this.#ordinary.take(info.endMs);
    if (this.#trouble.take(info.endMs)) return true;
    this.lost++;
    return false;
  }
}
