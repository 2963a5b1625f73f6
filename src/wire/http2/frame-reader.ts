/**
 * Cuts a stream of bytes into frames (RFC 9113 section 4.1). DATA is given in pieces as it comes, without a copy; a frame
 * of another type is given whole, and kept until it is, which its size bounds; unknown types are passed over.
 *
 * ```
 *  preface ─▶ head ─┬─ DATA ─▶ pad length ─▶ data ─▶ padding ─┐
 *              ▲    ├─ known type ─▶ payload ─────────────────┤
 *              │    └─ unknown type ─▶ skipped ───────────────┤
 *              └──────────────────────────────────────────────┘
 * ```
 */
import { fault, type Fault } from './faults.ts';
import { CONTINUATION, DATA, FRAME_HEAD_BYTES, HEADERS, MAX_FRAME_BYTES, PADDED, PREFACE, uint31At } from './frames.ts';

export interface FrameHandler {
  /** Nothing more is to be read. */
  readonly isStopped: boolean;
  /** Every frame's head, before anything of its payload. */
  onFrameHead(type: number, flags: number, id: number, length: number): void;
  /** A frame that is not DATA: its payload is `bytes` from `start` to `end`, borrowed. */
  onFrame(type: number, flags: number, id: number, bytes: Uint8Array, start: number, end: number): void;
  /** Bytes of DATA, borrowed. */
  onDataPiece(view: Uint8Array): void;
  /** A DATA frame's end. `padding`: bytes of it that were no data. */
  onDataEnd(padding: number): void;
  /** Sets `isStopped`. */
  onFault(fault: Fault): void;
}

const IN_PREFACE = 0;
const IN_HEAD = 1;
const IN_PAYLOAD = 2;
const IN_PAD_LENGTH = 3;
const IN_DATA = 4;
const IN_PADDING = 5;
const IN_SKIPPED = 6;

export class FrameReader {
  readonly #handler: FrameHandler;
  #state: number;
  /** Bytes of the preface that were read. */
  #matched = 0;
  readonly #head = new Uint8Array(FRAME_HEAD_BYTES);
  #headLength = 0;
  #payload: Uint8Array | undefined = undefined;
  #payloadLength = 0;
  #type = 0;
  #flags = 0;
  #id = 0;
  #left = 0;
  #padLeft = 0;
  #padding = 0;

  constructor(handler: FrameHandler, expectsPreface: boolean) {
    this.#handler = handler;
    this.#state = expectsPreface ? IN_PREFACE : IN_HEAD;
  }

  /** HEADERS have begun that are not all there yet. */
  get isWithinHeaders(): boolean {
    return this.#state === IN_PAYLOAD && this.#type === HEADERS;
  }

  feed(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.#handler.isStopped) at = this.#step(bytes, at);
  }

  #step(bytes: Uint8Array, at: number): number {
    switch (this.#state) {
      case IN_HEAD:
        return this.#readHead(bytes, at);
      case IN_DATA:
        return this.#readData(bytes, at);
      case IN_PAYLOAD:
        return this.#readPayload(bytes, at);
      case IN_PAD_LENGTH:
        return this.#readPadLength(bytes, at);
      case IN_PREFACE:
        return this.#readPreface(bytes, at);
      default:
        return this.#skip(bytes, at);
    }
  }

  #fail(found: Fault): void {
    this.#handler.onFault(found);
  }

  #readPreface(bytes: Uint8Array, at: number): number {
    for (let i = at; i < bytes.length; i++) {
      if (bytes[i] !== PREFACE.charCodeAt(this.#matched)) {
        this.#fail(fault('http2.preface'));
        return i;
      }
      if (++this.#matched === PREFACE.length) {
        this.#state = IN_HEAD;
        return i + 1;
      }
    }
    return bytes.length;
  }

  #readHead(bytes: Uint8Array, at: number): number {
    if (this.#headLength === 0 && at + FRAME_HEAD_BYTES <= bytes.length) {
      this.#begin(bytes, at);
      return this.#state === IN_PAYLOAD ? this.#readPayload(bytes, at + FRAME_HEAD_BYTES) : at + FRAME_HEAD_BYTES;
    }
    const stop = Math.min(bytes.length, at + FRAME_HEAD_BYTES - this.#headLength);
    for (let i = at; i < stop; i++) this.#head[this.#headLength++] = bytes[i] ?? 0;
    if (this.#headLength < FRAME_HEAD_BYTES) return stop;
    this.#headLength = 0;
    this.#begin(this.#head, 0);
    // a payload of no bytes is complete even where nothing follows
    return this.#state === IN_PAYLOAD && this.#left === 0 ? this.#readPayload(bytes, stop) : stop;
  }

  #begin(bytes: Uint8Array, at: number): void {
    const length = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const type = bytes[at + 3] ?? 0;
    const flags = bytes[at + 4] ?? 0;
    const id = uint31At(bytes, at + 5);
    if (length > MAX_FRAME_BYTES) return this.#fail(fault('http2.frame_size'));
    this.#handler.onFrameHead(type, flags, id, length);
    if (this.#handler.isStopped) return;
    this.#type = type;
    this.#flags = flags;
    this.#id = id;
    this.#left = length;
    if (type === DATA) this.#beginData(flags, length);
    else if (type <= CONTINUATION) this.#state = IN_PAYLOAD;
    else if (length > 0) this.#state = IN_SKIPPED;
  }

  #beginData(flags: number, length: number): void {
    this.#padLeft = 0;
    this.#padding = 0;
    if ((flags & PADDED) === 0) {
      this.#state = IN_DATA;
      if (length === 0) this.#endData();
    } else if (length === 0) this.#fail(fault('http2.payload_size'));
    else this.#state = IN_PAD_LENGTH;
  }

  #readPadLength(bytes: Uint8Array, at: number): number {
    const padding = bytes[at] ?? 0;
    this.#left -= 1;
    if (padding > this.#left) {
      this.#fail(fault('http2.padding'));
      return at;
    }
    this.#padLeft = padding;
    this.#padding = padding + 1;
    this.#left -= padding;
    this.#afterData();
    return at + 1;
  }

  #readData(bytes: Uint8Array, at: number): number {
    const stop = Math.min(bytes.length, at + this.#left);
    this.#left -= stop - at;
    this.#handler.onDataPiece(bytes.subarray(at, stop));
    if (!this.#handler.isStopped) this.#afterData();
    return stop;
  }

  #afterData(): void {
    if (this.#left > 0) this.#state = IN_DATA;
    else if (this.#padLeft > 0) {
      this.#left = this.#padLeft;
      this.#padLeft = 0;
      this.#state = IN_PADDING;
    } else this.#endData();
  }

  #endData(): void {
    this.#state = IN_HEAD;
    this.#handler.onDataEnd(this.#padding);
  }

  /** Padding of DATA, or a frame of a type that we do not know. */
  #skip(bytes: Uint8Array, at: number): number {
    const stop = Math.min(bytes.length, at + this.#left);
    this.#left -= stop - at;
    if (this.#left > 0) return stop;
    if (this.#state === IN_PADDING) this.#endData();
    else this.#state = IN_HEAD;
    return stop;
  }

  #readPayload(bytes: Uint8Array, at: number): number {
    const length = this.#left;
    if (this.#payload === undefined && at + length <= bytes.length) {
      this.#state = IN_HEAD;
      this.#handler.onFrame(this.#type, this.#flags, this.#id, bytes, at, at + length);
      return at + length;
    }
    const payload = (this.#payload ??= new Uint8Array(length));
    const stop = Math.min(bytes.length, at + length - this.#payloadLength);
    payload.set(bytes.subarray(at, stop), this.#payloadLength);
    this.#payloadLength += stop - at;
    if (this.#payloadLength < length) return stop;
    this.#payload = undefined;
    this.#payloadLength = 0;
    this.#state = IN_HEAD;
    this.#handler.onFrame(this.#type, this.#flags, this.#id, payload, 0, length);
    return stop;
  }
}
