/**
 * A body on its way through a compression library, one piece at a time: the next piece comes when all of the last one
 * has come out, so that memory is bounded by what comes of one piece.
 *
 * ```
 *  filter ─ write ─▶ library (a thread of node's pool) ─ onOutput ─▶ next filter
 *         ◀──────────────────── onReady ───────────────┘
 * ```
 */
import type { Transform } from 'node:stream';

/** What may come of any piece: a short one of very regular data is no attack. */
const ALWAYS_ALLOWED_BYTES = 65_536;

export interface PumpHandlers {
  onOutput(bytes: Uint8Array): void;
  /** The last `write` or `end` is done. */
  onReady(): void;
  /** What came in is no such encoding, or becomes too large: nothing more comes out. */
  onError(): void;
}

export class Pump {
  readonly #transform: Transform;
  readonly #handlers: PumpHandlers;
  /** Times that what comes out of a piece may be larger than it. */
  readonly #maxRatio: number;
  #roomBytes = Infinity;
  #isBroken = false;
  /** The library wants no more: what it reads has an end of its own. */
  #isFinished = false;
  #isClosed = false;
  /** A write or the end is under way. */
  #isBusy = false;

  constructor(transform: Transform, handlers: PumpHandlers, maxRatio = Infinity) {
    this.#transform = transform;
    this.#handlers = handlers;
    this.#maxRatio = maxRatio;
    transform.on('data', (bytes: Uint8Array) => this.#output(bytes));
    // after `end`, or after a write with more in it than the encoding has, whose callback may come too
    transform.on('end', () => {
      this.#isFinished = true;
      this.#ready();
    });
    transform.on('error', () => this.#fail());
  }

  /** Takes a copy of `data`; `onReady` follows. */
  write(data: Uint8Array): void {
    this.#isBusy = true;
    if (this.#isBroken || this.#isFinished) return void setImmediate(() => this.#ready());
    this.#roomBytes = Math.max(ALWAYS_ALLOWED_BYTES, data.length * this.#maxRatio);
    this.#transform.write(Buffer.from(data), (error) => {
      if (error === null || error === undefined) this.#ready();
    });
  }

  /** No more pieces; `onReady` follows once everything has come out. */
  end(): void {
    this.#isBusy = true;
    if (this.#isBroken || this.#isFinished) return void setImmediate(() => this.#ready());
    this.#transform.end();
  }

  /** Gives the library's memory back; nothing is called any more. */
  close(): void {
    this.#isClosed = true;
    this.#transform.destroy();
  }

  #output(bytes: Uint8Array): void {
    if (this.#isClosed || this.#isBroken) return;
    this.#roomBytes -= bytes.length;
    if (this.#roomBytes < 0) this.#fail();
    else this.#handlers.onOutput(bytes);
  }

  #ready(): void {
    if (this.#isClosed || !this.#isBusy) return;
    this.#isBusy = false;
    this.#handlers.onReady();
  }

  #fail(): void {
    if (this.#isBroken || this.#isClosed) return;
    this.#isBroken = true;
    this.#transform.destroy();
    this.#handlers.onError();
    setImmediate(() => this.#ready());
  }
}
