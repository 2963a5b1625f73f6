/** Walks a byte string of TLS; reading past its end makes it `isBroken` and gives empty values. */
export class VectorReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  isBroken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Uint8Array {
    if (length > this.left) {
      this.isBroken = true;
      this.#at = this.#bytes.length;
      return new Uint8Array(0);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** An unsigned number of 1 to 3 bytes. */
  number(width: number): number {
    return this.take(width).reduce((value, byte) => value * 256 + byte, 0);
  }

  /** A vector whose length stands before it in `width` bytes. */
  vector(width: number): VectorReader {
    const inner = new VectorReader(this.take(this.number(width)));
    inner.isBroken = this.isBroken;
    return inner;
  }

  text(): string {
    return String.fromCharCode(...this.take(this.left));
  }
}
