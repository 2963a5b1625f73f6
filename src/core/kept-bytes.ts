/** A piece below this is copied behind the one before it. */
const SMALL_BYTES = 1024;
const BLOCK_BYTES = 4096;

/**
 * Bytes that wait, in the order in which they came. Small pieces are copied together: a Buffer of its own costs some 200
 * bytes, so that a peer that sends single bytes would make us hold that many times what its limit allows.
 */
export class KeptBytes {
  #pieces: Buffer[] = [];
  /** What the last piece is the beginning of; undefined where it stands by itself. */
  #block: Buffer | undefined = undefined;
  #blockBytes = 0;
  #bytes = 0;

  /** The sum of all pieces. */
  get bytes(): number {
    return this.#bytes;
  }

  get pieces(): readonly Buffer[] {
    return this.#pieces;
  }

  /** Copies a borrowed piece to the end. */
  append(view: Uint8Array): void {
    const { length } = view;
    this.#bytes += length;
    if (length >= SMALL_BYTES || this.#pieces.length === 0) {
      this.#pieces.push(Buffer.from(view));
      this.#block = undefined;
      return;
    }
    if (this.#block === undefined || this.#blockBytes + length > BLOCK_BYTES) {
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.#blockBytes = 0;
      this.#pieces.push(this.#block);
    }
    this.#block.set(view, this.#blockBytes);
    this.#blockBytes += length;
    this.#pieces[this.#pieces.length - 1] = this.#block.subarray(0, this.#blockBytes);
  }

  /** Takes the first piece, which is the caller's then; undefined where nothing is left. */
  shift(): Buffer | undefined {
    const piece = this.#pieces.shift();
    if (piece !== undefined) this.#bytes -= piece.length;
    // what was taken must not grow any more
    if (this.#pieces.length === 0) this.#block = undefined;
    return piece;
  }

  clear(): void {
    this.#pieces = [];
    this.#block = undefined;
    this.#bytes = 0;
  }
}
