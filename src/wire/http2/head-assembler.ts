/**
 * Puts field blocks together from HEADERS and the CONTINUATIONs after it (RFC 9113 sections 6.2 and 6.10). A block that
 * comes whole is not copied. Bytes and frames of one block are bounded, for nothing else of its connection goes on meanwhile.
 */
import { fault, type Fault } from './faults.ts';
import { END_HEADERS, END_STREAM, HAS_PRIORITY, MAX_FRAME_BYTES, PADDED, uint31At } from './frames.ts';

const PRIORITY_BYTES = 5;
/** CONTINUATIONs that a block may have beyond those that its size needs, for peers with smaller frames than ours. */
const SPARE_FRAMES = 8;
const NONE = new Uint8Array(0);

export class HeadAssembler {
  readonly #maxBytes: number;
  readonly #maxFrames: number;
  /** Stream of the block that is not whole yet; 0 for none. */
  openId = 0;
  isEnd = false;
  /** The block is `bytes` from `start` to `end`, borrowed, until the next call. */
  bytes: Uint8Array = NONE;
  start = 0;
  end = 0;
  #frames = 0;

  /** `maxHeadBytes`: of a decoded head; no encoder that means well makes it much longer. */
  constructor(maxHeadBytes: number) {
    this.#maxBytes = maxHeadBytes + MAX_FRAME_BYTES;
    this.#maxFrames = SPARE_FRAMES + Math.ceil(maxHeadBytes / MAX_FRAME_BYTES);
  }

  /** Takes HEADERS. The block is whole where `openId` is 0 afterwards. */
  begin(flags: number, id: number, bytes: Uint8Array, start: number, end: number): Fault | undefined {
    const isPadded = (flags & PADDED) !== 0;
    const from = start + (isPadded ? 1 : 0) + ((flags & HAS_PRIORITY) === 0 ? 0 : PRIORITY_BYTES);
    const to = isPadded ? end - (bytes[start] ?? 0) : end;
    if (start + (isPadded ? 1 : 0) > end || from > end) return fault('http2.payload_size');
    if (from > to) return fault('http2.padding');
    if ((flags & HAS_PRIORITY) !== 0 && uint31At(bytes, from - PRIORITY_BYTES) === id) return fault('http2.self_dependency');
    this.isEnd = (flags & END_STREAM) !== 0;
    this.bytes = bytes;
    this.start = from;
    this.end = to;
    if ((flags & END_HEADERS) !== 0) return undefined;
    this.openId = id;
    this.#frames = 0;
    this.bytes = new Uint8Array(bytes.subarray(from, to));
    this.start = 0;
    this.end = to - from;
    return undefined;
  }

  /** Takes CONTINUATION of the open block. */
  add(flags: number, bytes: Uint8Array, start: number, end: number): Fault | undefined {
    const total = this.end + end - start;
    if (++this.#frames > this.#maxFrames || total > this.#maxBytes) return fault('http2.header_flood');
    if (total > this.bytes.length) {
      const larger = new Uint8Array(Math.max(total, this.bytes.length * 2));
      larger.set(this.bytes.subarray(0, this.end));
      this.bytes = larger;
    }
    this.bytes.set(bytes.subarray(start, end), this.end);
    this.end = total;
    if ((flags & END_HEADERS) !== 0) this.openId = 0;
    return undefined;
  }

  /** Lets go of the block's bytes. */
  clear(): void {
    this.bytes = NONE;
  }
}
