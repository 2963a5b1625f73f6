/** Frames of HTTP/2 (RFC 9113 sections 4 and 6), written as they are told and read without judging. */
import { encodeFields, type Field, FieldDecoder } from './h2-hpack.ts';

/** Frame types (RFC 9113 section 6). */
export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const ACK = 1;
export const END_STREAM = 1;
const END_HEADERS = 4;
const PRIORITIZED = 32;

/** Bytes of a frame. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Four bytes of a number, as RST_STREAM and WINDOW_UPDATE have them. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

type Setting = readonly [id: number, value: number];

/** A SETTINGS frame's payload. */
export function settings(...pairs: readonly Setting[]): Buffer {
  return Buffer.concat(
    pairs.map(([id, value]) => {
      const bytes = Buffer.alloc(6);
      bytes.writeUInt16BE(id);
      bytes.writeUInt32BE(value, 2);
      return bytes;
    }),
  );
}

const LARGE_WINDOW = 2 ** 30;
const [ENABLE_PUSH, INITIAL_WINDOW_SIZE, ENABLE_CONNECT] = [2, 4, 8];

const roomy = (...pairs: readonly Setting[]): Buffer =>
  Buffer.concat([
    frame(FRAME.SETTINGS, 0, 0, settings([INITIAL_WINDOW_SIZE, LARGE_WINDOW], ...pairs)),
    frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(LARGE_WINDOW)),
  ]);

/** What a client says first, after its preface: there is room for all that comes. */
export const GREETING = roomy([ENABLE_PUSH, 0]);
/** The same of a server, which takes extended CONNECT (RFC 8441). */
export const SERVER_GREETING = roomy([ENABLE_CONNECT, 1]);

const FRAME_BYTES = 16_384;

/** HEADERS with as many CONTINUATIONs as it needs. */
export function headers(stream: number, fields: readonly Field[], isEnd: boolean): Buffer {
  const block = encodeFields(fields);
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += FRAME_BYTES) {
    const flags = (at === 0 && isEnd ? END_STREAM : 0) | (at + FRAME_BYTES >= block.length ? END_HEADERS : 0);
    frames.push(frame(at === 0 ? FRAME.HEADERS : FRAME.CONTINUATION, flags, stream, block.subarray(at, at + FRAME_BYTES)));
  }
  return Buffer.concat(frames);
}

/** DATA in frames of the size that everyone takes. */
export function data(stream: number, body: string, isEnd: boolean): Buffer {
  const bytes = Buffer.from(body, 'latin1');
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += FRAME_BYTES) {
    const flags = isEnd && at + FRAME_BYTES >= bytes.length ? END_STREAM : 0;
    frames.push(frame(FRAME.DATA, flags, stream, bytes.subarray(at, at + FRAME_BYTES)));
  }
  return Buffer.concat(frames);
}

/** What a reader of frames is told. */
export interface FrameUser {
  onFields(stream: number, fields: readonly Field[], isEnd: boolean): void;
  onFrame(type: number, flags: number, stream: number, payload: Buffer): void;
}

/** Takes a connection's bytes apart; header blocks come decoded. */
export class FrameReader {
  readonly #user: FrameUser;
  readonly #decoder = new FieldDecoder();
  #received = Buffer.alloc(0);
  #block: Buffer[] = [];
  #isEnd = false;
  constructor(user: FrameUser) {
    this.#user = user;
  }

  take(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    while (this.#received.length >= 9) {
      const length = this.#received.readUIntBE(0, 3);
      if (this.#received.length < 9 + length) return;
      const [type, flags] = [this.#received.readUInt8(3), this.#received.readUInt8(4)];
      const stream = this.#received.readUInt32BE(5) & 0x7fff_ffff;
      const payload = this.#received.subarray(9, 9 + length);
      this.#received = this.#received.subarray(9 + length);
      if (type === FRAME.HEADERS || type === FRAME.CONTINUATION) this.#takeBlock(type, flags, stream, payload);
      else this.#user.onFrame(type, flags, stream, payload);
    }
  }

  /** Gathers a header block; neither proxy pads. */
  #takeBlock(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === FRAME.HEADERS) {
      this.#block = [];
      this.#isEnd = (flags & END_STREAM) !== 0;
    }
    this.#block.push((flags & PRIORITIZED) !== 0 && type === FRAME.HEADERS ? payload.subarray(5) : payload);
    if ((flags & END_HEADERS) !== 0) this.#user.onFields(stream, this.#decoder.decode(Buffer.concat(this.#block)), this.#isEnd);
  }
}
