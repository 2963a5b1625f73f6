import type { Buffer } from 'node:buffer';
import { latin1 } from '../wire/http1/bytes.ts';
import type { ByteSink } from './duct.ts';
import { releaseSlabs, SLAB_BYTES, takeSlab } from './slabs.ts';

/** Pieces of at most this size are copied into the text that goes out with them; larger ones go into slabs. */
const SMALL_BYTES = 2048;

/**
 * What is to be written in this turn of the event loop, gathered so that a head and its body are one write. Text is
 * latin1: one byte a character. Once there is a large piece, all is copied into slabs.
 */
export class WriteQueue {
  /** Comes after the parts and the slab that is being filled. */
  #text = '';
  #slab: Buffer | undefined = undefined;
  #slabBytes = 0;
  #parts: Uint8Array[] = [];
  /** Those among the parts. */
  #slabs: Buffer[] = [];
  #partBytes = 0;

  get bytes(): number {
    return this.#partBytes + this.#slabBytes + this.#text.length;
  }

  /** There are large pieces. */
  get isLarge(): boolean {
    return this.#slab !== undefined || this.#parts.length > 0;
  }

  addText(text: string): void {
    this.#text += text;
  }

  /** `isBorrowed`: `bytes` will change after this call. */
  addBytes(bytes: Uint8Array, isBorrowed: boolean): void {
    if (bytes.length <= SMALL_BYTES) {
      this.#text += latin1(bytes, 0, bytes.length);
      return;
    }
    this.#copyText();
    if (isBorrowed || bytes.length < SLAB_BYTES) return this.#copyBytes(bytes);
    this.#endSlab();
    this.#parts.push(bytes);
    this.#partBytes += bytes.length;
  }

  /** Hands everything over at once. */
  flush(sink: ByteSink): void {
    if (!this.isLarge) {
      const text = this.#text;
      this.#text = '';
      if (text !== '') sink.writeText(text);
      return;
    }
    this.#copyText();
    this.#endSlab();
    const parts = this.#parts;
    const slabs = this.#slabs;
    this.#reset();
    sink.writeParts(parts, slabs);
  }

  clear(): void {
    this.#text = '';
    this.#endSlab();
    releaseSlabs(this.#slabs);
    this.#reset();
  }

  #reset(): void {
    this.#parts = [];
    this.#slabs = [];
    this.#partBytes = 0;
  }

  /** The slab that is being filled, with some room. */
  #room(): Buffer {
    if (this.#slabBytes === SLAB_BYTES) this.#endSlab();
    return (this.#slab ??= takeSlab());
  }

  #copyText(): void {
    const text = this.#text;
    this.#text = '';
    for (let at = 0; at < text.length;) {
      const slab = this.#room();
      const size = Math.min(text.length - at, SLAB_BYTES - this.#slabBytes);
      slab.write(size === text.length ? text : text.slice(at, at + size), this.#slabBytes, 'latin1');
      this.#slabBytes += size;
      at += size;
    }
  }

  #copyBytes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const slab = this.#room();
      const size = Math.min(bytes.length - at, SLAB_BYTES - this.#slabBytes);
      slab.set(size === bytes.length ? bytes : bytes.subarray(at, at + size), this.#slabBytes);
      this.#slabBytes += size;
      at += size;
    }
  }

  #endSlab(): void {
    const slab = this.#slab;
    if (slab === undefined) return;
    this.#parts.push(slab.subarray(0, this.#slabBytes));
    this.#slabs.push(slab);
    this.#partBytes += this.#slabBytes;
    this.#slab = undefined;
    this.#slabBytes = 0;
  }
}
