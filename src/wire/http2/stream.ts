/**
 * A stream and its states (RFC 9113 section 5.1). Each side ends by itself; a reset ends both at once.
 *
 * ```
 *              ┌─ our end ──▶ half-closed (local) ── their end ─┐
 *  open ───────┤                                               ├─▶ closed
 *    │         └─ their end ─▶ half-closed (remote) ─ our end ─┘      ▲
 *    └────────────────────────── reset, by either ───────────────────┘
 * ```
 * A paused stream keeps what comes, its end too; its window is what bounds that.
 */
import { KeptBytes } from '../../core/kept-bytes.ts';
import type { HeaderBlock } from '../http/headers.ts';
import { ReceiveWindow } from './receive-window.ts';
import type { Http2Reader, Http2Stream } from './types.ts';

/** What a stream needs of its connection. */
export interface StreamHost {
  writeResponse(stream: Stream, status: number, headers: HeaderBlock, isEnd: boolean): void;
  writeData(stream: Stream, view: Uint8Array): boolean;
  writeEnd(stream: Stream, trailers: HeaderBlock | undefined): void;
  writeReset(stream: Stream, code: number): void;
  /** Bytes that the stream's reader is done with. */
  giveBack(stream: Stream, bytes: number): void;
}

/** Until the connection's user has said who reads. */
const NO_READER: Http2Reader = { onHead() {}, onData() {}, onEnd() {}, onReset() {}, onDrain() {} };

export class Stream implements Http2Stream {
  readonly id: number;
  reader: Http2Reader = NO_READER;
  readonly window: ReceiveWindow;
  /** What the peer lets us send; below 0 where it has made its initial window smaller. */
  sendWindow: number;
  /** Our own copies of what the windows have not let out yet. */
  queue: Uint8Array[] | undefined = undefined;
  /** `sendEnd` was called; what is queued goes out before. */
  isEndQueued = false;
  queuedTrailers: HeaderBlock | undefined = undefined;
  isLocalEnd = false;
  isRemoteEnd = false;
  isReset = false;
  /** Of the body that Content-Length declares, what has not come yet; -1 where nothing is declared. */
  bodyLeft = -1;
  /** Client: the final head has come. */
  hasHead = false;
  /** Client: the request was HEAD. */
  isToHead = false;
  /** Of plain CONNECT and of an extended one: a tunnel follows the 2xx. */
  isConnect = false;
  /** `:protocol` of an extended CONNECT; ''. */
  upgrade = '';
  openedMs = 0;
  readonly #host: StreamHost;
  #isPaused = false;
  #isGiving = false;
  #held: KeptBytes | undefined = undefined;
  #isEndHeld = false;
  #heldTrailers: HeaderBlock | undefined = undefined;

  constructor(id: number, host: StreamHost, windowBytes: number, sendWindow: number) {
    this.id = id;
    this.#host = host;
    this.window = new ReceiveWindow(windowBytes);
    this.sendWindow = sendWindow;
  }

  get isOpen(): boolean {
    return !this.isReset && !(this.isLocalEnd && this.isRemoteEnd);
  }

  sendResponse(status: number, headers: HeaderBlock, isEnd: boolean): void {
    if (this.#canSend()) this.#host.writeResponse(this, status, headers, isEnd);
  }

  sendData(view: Uint8Array): boolean {
    return !this.#canSend() || this.#host.writeData(this, view);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.#canSend()) this.#host.writeEnd(this, trailers);
  }

  reset(code: number): void {
    if (this.isOpen) this.#host.writeReset(this, code);
    else this.drop();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isGiving) this.#giveHeld();
  }

  /** Bytes of DATA have come, borrowed. */
  onPiece(view: Uint8Array): void {
    if (this.#isPaused || this.#held !== undefined) {
      (this.#held ??= new KeptBytes()).append(view);
      return;
    }
    this.reader.onData(view);
    this.#host.giveBack(this, view.length);
  }

  /** The peer's side has ended. */
  onRemoteEnd(trailers: HeaderBlock | undefined): void {
    if (this.#isPaused || this.#held !== undefined) {
      this.#isEndHeld = true;
      this.#heldTrailers = trailers;
    } else this.reader.onEnd(trailers);
  }

  /** Forgets what was kept, and gives its bytes back: nobody will read any more. */
  drop(): void {
    this.isReset = true;
    this.queue = undefined;
    const bytes = this.#held?.bytes ?? 0;
    this.#held = undefined;
    this.#isEndHeld = false;
    if (bytes > 0) this.#host.giveBack(this, bytes);
  }

  #canSend(): boolean {
    return !this.isReset && !this.isLocalEnd && !this.isEndQueued;
  }

  #giveHeld(): void {
    this.#isGiving = true;
    try {
      while (this.#held !== undefined && !this.#isPaused) this.#giveNext(this.#held);
    } finally {
      this.#isGiving = false;
    }
    if (this.#isPaused || !this.#isEndHeld) return;
    this.#isEndHeld = false;
    this.reader.onEnd(this.#heldTrailers);
  }

  #giveNext(held: KeptBytes): void {
    const view = held.shift();
    if (view === undefined) {
      this.#held = undefined;
      return;
    }
    this.reader.onData(view);
    this.#host.giveBack(this, view.length);
  }
}
