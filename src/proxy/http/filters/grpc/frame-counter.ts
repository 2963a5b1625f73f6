const PREFIX_BYTES = 5;

/**
 * Counts gRPC messages in a body that comes in pieces, by their prefixes: a flag and four bytes of length, the most
 * significant first. A message counts from its first byte on. It keeps nothing of the pieces.
 */
export class FrameCounter {
  /** Messages that have begun. */
  frames = 0;
  /** Bytes of the prefix under way that have come; all of them, while the message itself comes. */
  #prefixBytes = 0;
  /** Bytes of the message that are yet to come. */
  #left = 0;

  /** Looks at a piece; returns how many messages begin in it. */
  inspect(piece: Uint8Array): number {
    const before = this.frames;
    let at = 0;
    while (at < piece.length) {
      if (this.#prefixBytes < PREFIX_BYTES) this.#takePrefix(piece[at++] ?? 0);
      else {
        const taken = Math.min(this.#left, piece.length - at);
        this.#left -= taken;
        at += taken;
      }
      if (this.#prefixBytes === PREFIX_BYTES && this.#left === 0) this.#prefixBytes = 0;
    }
    return this.frames - before;
  }

  #takePrefix(byte: number): void {
    if (this.#prefixBytes === 0) this.frames++;
    else this.#left = this.#left * 256 + byte;
    this.#prefixBytes++;
  }
}
