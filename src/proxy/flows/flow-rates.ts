/** Which streams a proxy tells of: a decision before anything is written of them, of some nanoseconds. */
import { TokenBucket } from '../http/filters/rate-limit/token-bucket.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { numberOf } from '../telemetry/id-number.ts';

/** A bucket that a second fills. */
function bucketOf(perSecond: number): TokenBucket {
  // a rate below one a second still lets one through
  return new TokenBucket(perSecond === 0 ? 0 : Math.max(1, perSecond), perSecond);
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
    // without an id, or with one that is no UUID, the tokens alone decide
    const number = numberOf(info);
    return number < 0 || (number & this.#mask) === 0;
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
  #ordinary = bucketOf(0);
  readonly #thinning = new Thinning();
  /** What lasts is told of as often as what does not, and not left out for it. */
  #lasting = bucketOf(0);
  #trouble = bucketOf(0);
  #tapped = bucketOf(0);
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
      this.#ordinary = bucketOf(rates.ordinary / this.#loops);
      this.#lasting = bucketOf(rates.ordinary / this.#loops);
    }
    if (former.trouble !== rates.trouble) this.#trouble = bucketOf(rates.trouble / this.#loops);
    if (former.tapped !== rates.tapped) this.#tapped = bucketOf(rates.tapped / this.#loops);
    this.#rates = rates;
  }

  /** True where the stream is to be told of. */
  takes(info: StreamInfo): boolean {
    if (this.isTapped) {
      if (this.#tapped.consume(info.endMs)) return true;
      this.lost++;
      return false;
    }
    if (isOpen(info)) return this.#lasting.consume(info.endMs);
    if (!isTrouble(info)) return this.#thinning.keeps(info, this.#rates.ordinary / this.#loops) && this.#ordinary.consume(info.endMs);
    if (this.#trouble.consume(info.endMs)) return true;
    this.lost++;
    return false;
  }
}
