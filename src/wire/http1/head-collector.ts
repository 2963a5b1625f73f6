import type { ProtocolError } from '../../core/errors.ts';
import { CR, LF } from './bytes.ts';
import { fault } from './faults.ts';

const FIRST_BYTES = 1024;

/**
 * Keeps a head that arrives in pieces until its empty line is there. Each byte is looked at once, however small the
 * pieces are, and never more than `maxBytes` are kept.
 */
export class HeadCollector {
  #buffer = new Uint8Array(0);
  #length = 0;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): Uint8Array {
    return this.#buffer;
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
    // A long head is rare: what it needed is not kept for the life of the connection.
    if (this.#buffer.length > 4 * FIRST_BYTES) this.#buffer = new Uint8Array(0);
  }

  /**
   * Takes bytes from `bytes[start..end)` up to the end of the head. Gives how many of them belong to it where it is
   * complete, -1 where more is needed (all were taken), -2 where it grows beyond the limit, -3 at a bare line feed.
   */
  take(bytes: Uint8Array, start: number, end: number): number {
    const before = this.#length;
    const room = this.#maxBytes - before;
    const stop = Math.min(end, start + room);
    this.#append(bytes.subarray(start, stop));
    for (let i = before; i < this.#length; i++) {
      if (this.#buffer[i] !== LF) continue;
      if (i === 0 || this.#buffer[i - 1] !== CR) return -3;
      if (i < 2 || this.#buffer[i - 2] !== LF) continue;
      this.#length = i + 1;
      return i + 1 - before;
    }
    return stop < end ? -2 : -1;
  }

  #append(piece: Uint8Array): void {
    const needed = this.#length + piece.length;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.min(this.#maxBytes, Math.max(needed, FIRST_BYTES, this.#buffer.length * 2)));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = needed;
  }
}

/** The error that `take` means by -2 or -3, for a head whose first line is or is not complete. */
export function collectorFault(result: number, collector: HeadCollector, isRequest: boolean): ProtocolError {
  if (result === -3) return fault('http1.line_end');
  const isInFirstLine = isRequest && !collector.bytes.subarray(0, collector.length).includes(LF);
  return fault(isInFirstLine ? 'http1.target_too_long' : 'http1.head_too_large');
}
