/**
 * Streams that we have reset and that the peer may not know of yet: what it had on the way is to be passed over (RFC
 * 9113 section 5.1, "closed"). Both the streams and what is forgiven on each are bounded.
 */
const MOST_STREAMS = 1024;
/** A stream's frames of other types than DATA: trailers at most once, and heads of a response. */
const FORGIVEN_HEADS = 10;

interface Forgiveness {
  bytes: number;
  heads: number;
}

export class ResetStreams {
  readonly #streams = new Map<number, Forgiveness>();

  /** Remembers a stream. `bytes`: DATA that its window still allowed. */
  add(id: number, bytes: number): void {
    if (this.#streams.size >= MOST_STREAMS) {
      const [oldest] = this.#streams.keys();
      if (oldest !== undefined) this.#streams.delete(oldest);
    }
    this.#streams.set(id, { bytes, heads: FORGIVEN_HEADS });
  }

  /** Whether DATA of so many bytes on a stream may have been on the way. */
  forgivesData(id: number, bytes: number): boolean {
    const left = this.#streams.get(id);
    if (left === undefined || left.bytes < bytes) return false;
    left.bytes -= bytes;
    return true;
  }

  forgivesHead(id: number): boolean {
    const left = this.#streams.get(id);
    if (left === undefined || left.heads === 0) return false;
    left.heads--;
    return true;
  }
}
