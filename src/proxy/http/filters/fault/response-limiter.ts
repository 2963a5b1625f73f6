/** Lets a response's body through at so many bytes a second, a twentieth of a second's worth at a time. */
import type { HttpFilterHandlers, HttpStream } from '../../filter.ts';
import { TokenBucket } from '../rate-limit/token-bucket.ts';

const FILL_INTERVAL_MS = 50;
/** Of a body, kept back; more is not read until some of it is gone. */
const MAX_QUEUED_BYTES = 65_536;

export class ResponseLimiter {
  readonly #stream: HttpStream;
  readonly #handlers: HttpFilterHandlers;
  readonly #now: () => number;
  readonly #bucket: TokenBucket;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isWaiting = false;
  /** What comes next is held back: more pieces, or the end. */
  #holds: 'nothing' | 'pieces' | 'end' = 'nothing';

  /** `handlers` are the filter's, `now` is `Clock.monotonicMs`. */
  constructor(stream: HttpStream, handlers: HttpFilterHandlers, bytesPerSecond: number, now: () => number) {
    this.#stream = stream;
    this.#handlers = handlers;
    this.#now = now;
    this.#bucket = new TokenBucket(bytesPerSecond, bytesPerSecond);
    this.#bucket.reset((bytesPerSecond * FILL_INTERVAL_MS) / 1000, now());
  }

  /** Takes a piece; returns whether the next may come at once. */
  push(piece: Uint8Array): boolean {
    this.#queue.push(Buffer.from(piece));
    this.#queuedBytes += piece.length;
    if (!this.#isWaiting) this.#pump();
    if (this.#queuedBytes <= MAX_QUEUED_BYTES) return true;
    this.#holds = 'pieces';
    return false;
  }

  /** The last piece has come; returns whether the end may go on at once. */
  end(): boolean {
    if (this.#queuedBytes === 0) return true;
    this.#holds = 'end';
    return false;
  }

  #pump(): void {
    let bytes = this.#bucket.takeUpTo(this.#queuedBytes, this.#now());
    this.#queuedBytes -= bytes;
    while (bytes > 0) bytes -= this.#passFirst(bytes);
    this.#isWaiting = this.#queuedBytes > 0;
    if (this.#isWaiting) this.#stream.after(FILL_INTERVAL_MS, () => this.#pump());
    this.#release();
  }

  /** Passes so many bytes of the first piece, at most; returns how many there were. */
  #passFirst(maxBytes: number): number {
    const [piece] = this.#queue;
    if (piece === undefined) return maxBytes;
    const part = piece.subarray(0, maxBytes);
    if (part.length === piece.length) this.#queue.shift();
    else this.#queue[0] = piece.subarray(part.length);
    this.#stream.passResponseData(this.#handlers, part);
    return part.length;
  }

  #release(): void {
    const isFree = this.#holds === 'pieces' ? this.#queuedBytes <= MAX_QUEUED_BYTES : this.#holds === 'end' && this.#queuedBytes === 0;
    if (!isFree) return;
    this.#holds = 'nothing';
    this.#stream.resumeResponse();
  }
}
