/**
 * A connection of a gRPC server: our HTTP/2 over a duct. What is written is handed over as it is, without a copy, for
 * responses are bytes that connections share, and never change.
 */
import { Buffer } from 'node:buffer';
import type { ProtocolError } from '../core/errors.ts';
import { Http2Connection } from '../wire/http2/connection.ts';
import { DEFAULT_HTTP2_OPTIONS } from '../wire/http2/options.ts';
import { type FrameSink, H2, type Http2Owner, type Http2Reader, type Http2Stream } from '../wire/http2/types.ts';
import type { IncomingRequest } from '../wire/http/message.ts';
import type { Accepted } from './accept-ducts.ts';
import type { Duct, DuctOwner } from './duct.ts';

/** What is handed over at once has no more. */
const WRITE_BYTES = 256 * 1024;
/** Bytes that the kernel has not taken above which writers are told to wait. */
const PENDING_BYTES_MAX = 1024 * 1024;
/** Parts that are no more together are copied into one. */
const COPIED_BYTES_MAX = 8 * 1024;

/** Time in which a client that broke the protocol may read why it is closed. */
const LAST_WORDS_MS = 1000;

/** What a connection tells. */
export interface GrpcConnectionOwner {
  /** A client calls. Gives who reads the call. */
  onRequest(stream: Http2Stream, head: IncomingRequest, isEnd: boolean): Http2Reader;
  /** Something of ours failed in a callback: the connection is closed. */
  onBug(error: unknown): void;
  /** It broke; `onClose` follows. */
  onError(cause: string): void;
  onClose(): void;
}

export class GrpcConnection implements DuctOwner, FrameSink, Http2Owner {
  readonly #owner: GrpcConnectionOwner;
  readonly #duct: Duct;
  readonly #codec: Http2Connection;
  #parts: Uint8Array[] = [];
  /** Comes after the parts. */
  #text = '';
  #queuedBytes = 0;
  #isReading = false;

  constructor(accepted: Accepted, owner: GrpcConnectionOwner) {
    this.#owner = owner;
    this.#duct = accepted.open(this);
    this.#codec = new Http2Connection('server', DEFAULT_HTTP2_OPTIONS, this, this);
    this.flush();
    this.#duct.resume();
  }

  get pendingBytes(): number {
    return this.#queuedBytes + this.#duct.pendingBytes;
  }

  /** Closes at once. */
  destroy(): void {
    this.#duct.destroy();
  }

  /** Hands over what was written, unless that is about to be done. */
  flush(): void {
    if (!this.#isReading) this.#handOver();
  }

  // the codec's sink

  writeText(text: string): boolean {
    this.#text += text;
    this.#queuedBytes += text.length;
    return this.#written();
  }

  writeBytes(bytes: Uint8Array): boolean {
    this.#endText();
    this.#parts.push(bytes);
    this.#queuedBytes += bytes.length;
    return this.#written();
  }

  #written(): boolean {
    if (this.#queuedBytes >= WRITE_BYTES) this.#handOver();
    return this.#duct.pendingBytes < PENDING_BYTES_MAX;
  }

  #endText(): void {
    if (this.#text === '') return;
    this.#parts.push(Buffer.from(this.#text, 'latin1'));
    this.#text = '';
  }

  #handOver(): void {
    const bytes = this.#queuedBytes;
    if (bytes === 0) return;
    this.#queuedBytes = 0;
    const text = this.#text;
    if (this.#parts.length === 0) {
      this.#text = '';
      if (!this.#duct.isDestroyed) this.#duct.writeText(text);
      return;
    }
    this.#endText();
    const parts = this.#parts;
    this.#parts = [];
    if (!this.#duct.isDestroyed) this.#duct.writeParts(bytes > COPIED_BYTES_MAX ? parts : [Buffer.concat(parts, bytes)], []);
  }

  // the duct

  onRead(bytes: Uint8Array): void {
    this.#turn(() => this.#codec.feed(bytes));
  }

  onDuctEnd(): void {
    this.#turn(() => this.#codec.closed('the client has ended the connection'));
    this.#duct.destroy();
  }

  onDuctDrain(): void {
    this.#turn(() => this.#codec.drained());
  }

  onDuctError(cause: string): void {
    this.#owner.onError(cause);
  }

  onDuctClose(): void {
    this.#turn(() => this.#codec.closed('the connection is closed'));
    this.#owner.onClose();
  }

  /** What is written meanwhile goes out at once. */
  #turn(run: () => void): void {
    this.#isReading = true;
    try {
      run();
    } catch (error) {
      this.#owner.onBug(error);
      this.#duct.destroy();
    } finally {
      this.#isReading = false;
      this.#handOver();
    }
  }

  // the codec's owner

  onRequest(stream: Http2Stream, head: IncomingRequest, isEnd: boolean): Http2Reader {
    return this.#owner.onRequest(stream, head, isEnd);
  }

  onFatal(error: ProtocolError): void {
    this.#owner.onError(error.message);
    this.#handOver();
    this.#duct.end();
    setTimeout(() => this.#duct.destroy(), LAST_WORDS_MS).unref();
  }

  /** The last streams go on; the client closes when they are done. */
  onGoAway(code: number): void {
    if (code !== H2.NO_ERROR) this.#owner.onError(`the client goes away with code ${code}`);
  }

  onSettings(): void {}
  onPong(): void {}
  onStreamClosed(): void {}
}
