/**
 * The window that we give a peer (RFC 9113 section 5.2): how much it may still send, and how much was used up and not
 * given back yet. Credit is given back in halves of the window: a WINDOW_UPDATE for every DATA would cost as many frames.
 */
export class ReceiveWindow {
  readonly #sizeBytes: number;
  #left: number;
  #used = 0;

  /** `sizeBytes`: what the peer may send before anything is given back. */
  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
    this.#left = sizeBytes;
  }

  /** Bytes that have arrived and that somebody holds still. */
  get heldBytes(): number {
    return this.#sizeBytes - this.#left - this.#used;
  }

  /** Takes what has arrived off the window. False: the peer may not have sent it. */
  take(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }

  /** Bytes that nobody holds any more. Gives the increment to be told to the peer; 0 for none yet. */
  giveBack(bytes: number): number {
    this.#used += bytes;
    if (this.#used * 2 < this.#sizeBytes) return 0;
    const increment = this.#used;
    this.#used = 0;
    this.#left += increment;
    return increment;
  }
}
