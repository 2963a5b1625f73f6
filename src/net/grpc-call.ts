/** One call of a gRPC server, whatever carries its messages. */
import { Buffer } from 'node:buffer';
import { headersOf, type HeaderBlock } from '../wire/http/headers.ts';
import type { IncomingRequest } from '../wire/http/message.ts';
import { H2, type Http2Reader, type Http2Stream } from '../wire/http2/types.ts';
import type { GrpcPeer } from './grpc-server.ts';

/** Who reads a call. Nothing comes after `onEnd` but `onLost`; nothing after `onLost`. */
export interface CallReader {
  /** Bytes of the request, borrowed. */
  onBytes(view: Uint8Array): void;
  /** The client has said all that it has to say. */
  onEnd(): void;
  /** The call broke. */
  onLost(): void;
}

/** The most that is given to the codec at a time: what the windows do not let out of it is copied. */
const SLICE_BYTES = 64 * 1024;
/** Parts below this are copied together: a frame for each would cost more. */
const SMALL_BYTES = 4 * 1024;
const NOBODY: CallReader = { onBytes() {}, onEnd() {}, onLost() {} };

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}

/** `parts` with small neighbours as one. */
export function coalesced(parts: readonly Uint8Array[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  let smallBytes = 0;
  const end = (): void => {
    if (small.length > 0) pieces.push(joined(small));
    small = [];
    smallBytes = 0;
  };
  for (const part of parts) {
    if (part.length === 0) continue;
    if (part.length >= SMALL_BYTES || smallBytes + part.length > SLICE_BYTES) end();
    if (part.length >= SMALL_BYTES) pieces.push(part);
    else {
      small.push(part);
      smallBytes += part.length;
    }
  }
  end();
  return pieces;
}

export class GrpcCall implements Http2Reader {
  readonly path: string;
  readonly method: string;
  readonly headers: HeaderBlock;
  readonly peer: GrpcPeer;
  readonly #stream: Http2Stream;
  readonly #flush: () => void;
  #reader: CallReader = NOBODY;
  /** What waits for the client to read. */
  #queue: Uint8Array[] = [];
  /** The codec takes nothing until `onDrain`. */
  #isWaiting = false;
  #trailers: HeaderBlock | undefined;
  #onRoom: (() => void) | undefined;

  constructor(stream: Http2Stream, head: IncomingRequest, peer: GrpcPeer, flush: () => void) {
    this.path = head.path;
    this.method = head.method;
    this.headers = head.headers;
    this.peer = peer;
    this.#stream = stream;
    this.#flush = flush;
  }

  /** True while something can be sent. */
  get isOpen(): boolean {
    return this.#stream.isOpen && !this.#stream.isLocalEnd && this.#trailers === undefined;
  }

  read(reader: CallReader): void {
    this.#reader = reader;
  }

  /** Sends the head; with `isEnd` there is nothing else. */
  respond(status: number, headers: Iterable<readonly [name: string, value: string]>, isEnd = false): void {
    if (!this.isOpen) return;
    this.#stream.sendResponse(status, headersOf([...headers]), isEnd);
    if (isEnd) this.#leave();
    this.#flush();
  }

  /** Sends bytes that must not change any more; dropped where the call is over. False: it waits for the client, see `room`. */
  send(parts: readonly Uint8Array[]): boolean {
    return this.sendPieces(coalesced(parts));
  }

  /** As `send`, where small parts have been joined already. */
  sendPieces(pieces: readonly Uint8Array[]): boolean {
    if (!this.isOpen) return true;
    this.#queue.push(...pieces);
    this.#pump();
    this.#flush();
    return this.#queue.length === 0;
  }

  /** Resolves once everything has been given to the connection, or the call is over. */
  room(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onRoom = resolve));
  }

  /** Ends the call in order, after what was sent. */
  finish(trailers: Iterable<readonly [name: string, value: string]>): void {
    if (!this.isOpen) return;
    this.#trailers = headersOf([...trailers]);
    this.#pump();
    this.#flush();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
    this.#flush();
  }

  #pump(): void {
    while (!this.#isWaiting) {
      const [piece] = this.#queue;
      if (piece === undefined) break;
      if (piece.length > SLICE_BYTES) this.#queue[0] = piece.subarray(SLICE_BYTES);
      else this.#queue.shift();
      this.#isWaiting = !this.#stream.sendData(piece.length > SLICE_BYTES ? piece.subarray(0, SLICE_BYTES) : piece);
    }
    if (this.#queue.length > 0) return;
    this.#onRoom?.();
    this.#onRoom = undefined;
    const trailers = this.#trailers;
    if (trailers === undefined || this.#stream.isLocalEnd) return;
    this.#stream.sendEnd(trailers);
    if (!this.#isWaiting) this.#leave();
  }

  /** The client may go on to send, and nobody reads it (RFC 9113 section 8.1). */
  #leave(): void {
    if (this.#stream.isOpen) this.#stream.reset(H2.NO_ERROR);
  }

  onHead(): void {}

  onData(view: Uint8Array): void {
    this.#reader.onBytes(view);
  }

  onEnd(): void {
    this.#reader.onEnd();
  }

  onReset(): void {
    this.#queue = [];
    this.#onRoom?.();
    this.#reader.onLost();
  }

  onDrain(): void {
    this.#isWaiting = false;
    this.#pump();
  }
}
