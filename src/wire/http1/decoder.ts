/**
 * A side of an HTTP/1.1 connection as a byte machine: bytes in, heads, bodies and ends out. No sockets, no time.
 *
 * ```
 *   idle ──head──▶ head ──┬─ no body ─────────────▶ done ──next()──▶ idle
 *                         ├─ length / chunked ─▶ body ─▶ done
 *                         ├─ until close ─▶ body ──end()──▶ done
 *                         └─ handOver() in onHead ─▶ done: bytes after the head belong to somebody else
 * ```
 * `feed` stops after each message, so that whoever answers decides when the next one is read (pipelining).
 */
import type { ProtocolError } from '../../core/errors.ts';
import type { HeaderBlock } from '../http/headers.ts';
import { CR, LF } from './bytes.ts';
import { ChunkedDecoder } from './chunked.ts';
import { fault } from './faults.ts';
import { DEFAULT_HEAD_LIMITS, type HeadLimits } from './fields.ts';
import { collectorFault, HeadCollector } from './head-collector.ts';
import { type HeadResult, type Http1Request, type Http1Response, readRequestHead, readResponseHead, type RequestOptions } from './head.ts';

/** What a message's reader is told. Views given to `onBody` are borrowed. */
export interface MessageHandler<Head> {
  /** `hasBody` false: `onEnd` follows at once. */
  onHead(head: Head, hasBody: boolean): void;
  onBody(view: Uint8Array): void;
  onEnd(trailers: HeaderBlock | undefined): void;
}

const IDLE = 0;
const LENGTH = 1;
const CHUNKED = 2;
const UNTIL_CLOSE = 3;
const DONE = 4;
const FAILED = 5;

interface Framed {
  readonly contentLength: number;
  readonly isChunked: boolean;
  readonly isUntilClose?: boolean;
}

type ReadHead<Head> = (bytes: Uint8Array, start: number, end: number, result: HeadResult<Head>) => void;

class Decoder<Head extends Framed> {
  error: ProtocolError | undefined = undefined;
  #state = IDLE;
  #remaining = 0;
  #chunked: ChunkedDecoder | undefined = undefined;
  #isBlankAllowed: boolean;
  #isHandedOver = false;
  readonly #collector: HeadCollector;
  readonly #result: HeadResult<Head> = { consumed: 0, head: undefined, error: undefined };
  readonly #handler: MessageHandler<Head>;
  readonly #readHead: ReadHead<Head>;
  readonly #limits: HeadLimits;
  readonly #isRequest: boolean;
  readonly #onBody: (view: Uint8Array) => void;

  constructor(handler: MessageHandler<Head>, readHead: ReadHead<Head>, limits: HeadLimits, isRequest: boolean) {
    this.#handler = handler;
    this.#readHead = readHead;
    this.#limits = limits;
    this.#isRequest = isRequest;
    this.#isBlankAllowed = isRequest;
    this.#collector = new HeadCollector(limits.maxHeadBytes);
    this.#onBody = (view) => handler.onBody(view);
  }

  /** True where nothing of a message has been read yet. */
  get isIdle(): boolean {
    return this.#state === IDLE && this.#collector.length === 0;
  }

  /** True after a message's end, until `next`. */
  get isDone(): boolean {
    return this.#state === DONE;
  }

  /** Makes ready for the next message. */
  next(): void {
    if (this.#state !== DONE) return;
    this.#state = IDLE;
    this.#isBlankAllowed = this.#isRequest;
  }

  /** In `onHead` only: the bytes after the head are no body of ours (a tunnel after Upgrade or CONNECT). */
  handOver(): void {
    this.#isHandedOver = true;
  }

  /** Reads bytes up to the end of one message. Gives how many were read; fewer than all: the message is done, or `error` is set. */
  feed(bytes: Uint8Array, start = 0): number {
    let at = start;
    while (at < bytes.length && this.#state < DONE) {
      if (this.#state === IDLE) at = this.#feedHead(bytes, at);
      else if (this.#state === LENGTH) at = this.#feedLength(bytes, at);
      else if (this.#state === CHUNKED) at = this.#feedChunked(bytes, at);
      else {
        this.#handler.onBody(at === 0 ? bytes : bytes.subarray(at));
        at = bytes.length;
      }
    }
    return at;
  }

  /** The peer has ended its side. False, with `error` set, where it did so inside a message. */
  end(): boolean {
    if (this.#state === UNTIL_CLOSE) this.#finish(undefined);
    else if (this.#state === LENGTH || this.#state === CHUNKED) this.#fail(fault('http1.end_in_body'));
    else if (this.#state === IDLE && this.#collector.length > 0) this.#fail(fault('http1.end_in_head'));
    return this.error === undefined;
  }

  #fail(error: ProtocolError): void {
    this.#state = FAILED;
    this.error = error;
    this.#collector.clear();
  }

  #finish(trailers: HeaderBlock | undefined): void {
    this.#state = DONE;
    this.#handler.onEnd(trailers);
  }

  #feedHead(bytes: Uint8Array, at: number): number {
    if (this.#collector.length > 0) return this.#collect(bytes, at);
    // RFC 9112 section 2.2: one empty line before a request is forgiven.
    if (this.#isBlankAllowed && bytes[at] === CR) {
      if (at + 1 === bytes.length) return this.#collect(bytes, at);
      if (bytes[at + 1] !== LF) {
        this.#fail(fault('http1.line_end'));
        return at;
      }
      this.#isBlankAllowed = false;
      return at + 2;
    }
    const result = this.#result;
    this.#readHead(bytes, at, bytes.length, result);
    if (result.error === undefined && result.consumed === -1) return this.#collect(bytes, at);
    if (result.consumed - at > this.#limits.maxHeadBytes) {
      this.#fail(fault('http1.head_too_large'));
      return at;
    }
    return this.#begin(result) ? result.consumed : at;
  }

  #collect(bytes: Uint8Array, at: number): number {
    const collector = this.#collector;
    const taken = collector.take(bytes, at, bytes.length);
    if (taken < -1) {
      this.#fail(collectorFault(taken, collector, this.#isRequest));
      return bytes.length;
    }
    if (this.#isBlankAllowed && collector.length >= 2 && collector.bytes[0] === CR) return this.#dropBlank(bytes, at);
    if (taken === -1) return bytes.length;
    this.#readHead(collector.bytes, 0, collector.length, this.#result);
    this.#begin(this.#result);
    collector.clear();
    return at + taken;
  }

  /** An empty line that came in two pieces: what was taken after it is read again from `bytes`. */
  #dropBlank(bytes: Uint8Array, at: number): number {
    this.#isBlankAllowed = false;
    if (this.#collector.bytes[1] !== LF) {
      this.#fail(fault('http1.line_end'));
      return bytes.length;
    }
    this.#collector.clear();
    return at + 1;
  }

  #begin(result: HeadResult<Head>): boolean {
    const { head } = result;
    if (head === undefined) {
      this.#fail(result.error ?? fault('http1.header_name'));
      return false;
    }
    result.head = undefined;
    this.#isHandedOver = false;
    const hasBody = head.isChunked || head.contentLength > 0 || head.isUntilClose === true;
    this.#remaining = head.contentLength;
    this.#chunked = head.isChunked ? new ChunkedDecoder(this.#limits) : undefined;
    this.#state = !hasBody ? DONE : head.isChunked ? CHUNKED : head.isUntilClose === true ? UNTIL_CLOSE : LENGTH;
    this.#handler.onHead(head, hasBody);
    if (this.#isHandedOver) this.#state = DONE;
    else if (!hasBody) this.#finish(undefined);
    return true;
  }

  #feedLength(bytes: Uint8Array, at: number): number {
    const stop = Math.min(bytes.length, at + this.#remaining);
    this.#remaining -= stop - at;
    this.#handler.onBody(at === 0 && stop === bytes.length ? bytes : bytes.subarray(at, stop));
    if (this.#remaining === 0) this.#finish(undefined);
    return stop;
  }

  #feedChunked(bytes: Uint8Array, at: number): number {
    const chunked = this.#chunked;
    if (chunked === undefined) return bytes.length;
    const stop = chunked.feed(bytes, at, this.#onBody);
    if (chunked.error !== undefined) this.#fail(chunked.error);
    else if (chunked.isDone) this.#finish(chunked.trailers);
    return stop;
  }
}

export type RequestDecoder = Decoder<Http1Request>;

export const DEFAULT_REQUEST_OPTIONS: RequestOptions = { ...DEFAULT_HEAD_LIMITS, allowsCustomMethods: false, defaultHost: '' };

/** A decoder of requests: the server's side. */
export function createRequestDecoder(
  handler: MessageHandler<Http1Request>,
  options: RequestOptions = DEFAULT_REQUEST_OPTIONS,
): RequestDecoder {
  return new Decoder(handler, (bytes, start, end, result) => readRequestHead(bytes, start, end, options, result), options, true);
}

export type ResponseDecoder = Decoder<Http1Response>;

/** A decoder of responses: the client's side. `isToHead` says whether the request that is being answered was HEAD. */
export function createResponseDecoder(
  handler: MessageHandler<Http1Response>,
  isToHead: () => boolean,
  limits: HeadLimits = DEFAULT_HEAD_LIMITS,
): ResponseDecoder {
  return new Decoder(
    handler,
    (bytes, start, end, result) => readResponseHead(bytes, start, end, limits, isToHead(), result),
    limits,
    false,
  );
}
