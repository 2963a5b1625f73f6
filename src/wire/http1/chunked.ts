/**
 * Chunked transfer coding (RFC 9112 section 7.1). Extensions are checked and dropped, and bounded over the whole
 * message: they would be a way to send bytes that no limit counts.
 */
import type { ProtocolError } from '../../core/errors.ts';
import { HeaderBlock } from '../http/headers.ts';
import { CR, HEX_VALUE, IS_VALUE, latin1, LF, SEMICOLON } from './bytes.ts';
import { fault } from './faults.ts';
import { type HeadLimits, newFieldScan, scanFields } from './fields.ts';
import { HeadCollector } from './head-collector.ts';

/** Twelve digits are more than any file has bytes, and exact as a number. */
const MAX_SIZE_DIGITS = 12;
const MAX_EXTENSION_BYTES = 16 * 1024;

const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILERS = 6;
const DONE = 7;

const scan = newFieldScan();

/** Takes a chunked body apart. `onBody` gets borrowed views of what was fed. */
export class ChunkedDecoder {
  error: ProtocolError | undefined = undefined;
  /** Set with the end of the body; undefined where it had no trailers. */
  trailers: HeaderBlock | undefined = undefined;
  #state = SIZE;
  #size = 0;
  #digits = 0;
  #extensionBytes = 0;
  #collector: HeadCollector | undefined = undefined;
  readonly #limits: HeadLimits;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  get isDone(): boolean {
    return this.#state === DONE;
  }

  /** Reads from `start`; gives how far it came: `bytes.length`, or the body's end, or where `error` was found. */
  feed(bytes: Uint8Array, start: number, onBody: (view: Uint8Array) => void): number {
    let at = start;
    while (at < bytes.length && this.#state !== DONE && this.error === undefined) {
      if (this.#state === DATA) {
        const stop = Math.min(bytes.length, at + this.#size);
        this.#size -= stop - at;
        if (this.#size === 0) this.#state = DATA_CR;
        onBody(at === 0 && stop === bytes.length ? bytes : bytes.subarray(at, stop));
        at = stop;
      } else if (this.#state === TRAILERS) at = this.#readTrailers(bytes, at);
      else this.#readMark(bytes[at++] ?? 0);
    }
    return at;
  }

  #readMark(byte: number): void {
    if (this.#state === SIZE) this.#readSize(byte);
    else if (this.#state === EXTENSION) this.#readExtension(byte);
    else if (this.#state === SIZE_LF) {
      if (byte !== LF) this.error = fault('http1.chunk_size');
      this.#state = this.#size === 0 ? TRAILERS : DATA;
      this.#digits = 0;
    } else if (this.#state === DATA_CR) {
      if (byte !== CR) this.error = fault('http1.chunk_end');
      this.#state = DATA_LF;
    } else {
      if (byte !== LF) this.error = fault('http1.chunk_end');
      this.#state = SIZE;
    }
  }

  #readSize(byte: number): void {
    const digit = HEX_VALUE[byte] ?? 255;
    if (digit !== 255 && ++this.#digits <= MAX_SIZE_DIGITS) this.#size = this.#size * 16 + digit;
    else if (this.#digits === 0 || digit !== 255) this.error = fault('http1.chunk_size');
    else if (byte === CR) this.#state = SIZE_LF;
    else if (byte === SEMICOLON) this.#state = EXTENSION;
    else this.error = fault('http1.chunk_size');
  }

  #readExtension(byte: number): void {
    if (byte === CR) this.#state = SIZE_LF;
    else if (IS_VALUE[byte] !== 1 || ++this.#extensionBytes > MAX_EXTENSION_BYTES) this.error = fault('http1.chunk_extension');
  }

  #readTrailers(bytes: Uint8Array, at: number): number {
    if (this.#collector === undefined) {
      this.#collector = new HeadCollector(this.#limits.maxHeadBytes + 2);
      // The collector looks for CR LF CR LF; without trailers there is but one, after the last chunk's.
      this.#collector.take(Uint8Array.of(CR, LF), 0, 2);
    }
    const taken = this.#collector.take(bytes, at, bytes.length);
    if (taken < -1) this.error = fault('http1.trailers');
    if (taken < 0) return bytes.length;
    this.#finish(this.#collector);
    return at + taken;
  }

  #finish(collector: HeadCollector): void {
    this.#state = DONE;
    if (collector.length === 4) return;
    const { bytes, length } = collector;
    const after = scanFields(bytes, 2, length, 2, this.#limits, scan);
    // Framing fields in trailers would be read by nobody or by the wrong one.
    if (after !== length || scan.special.length > 0) this.error = fault('http1.trailers');
    else this.trailers = new HeaderBlock(latin1(bytes, 2, length), scan.marks, scan.bits);
  }
}

/** The line before a chunk of `length` bytes. */
export function chunkStart(length: number): string {
  return `${length.toString(16)}\r\n`;
}

export const CHUNK_END = '\r\n';

/** What ends a chunked body. */
export function lastChunk(trailers: HeaderBlock | undefined): string {
  return trailers === undefined ? '0\r\n\r\n' : `0\r\n${trailers.toText()}\r\n`;
}
