import { KeptBytes } from '../../core/kept-bytes.ts';

/**
 * The part of a request's body that is kept: what came before a connection was there, and what a retry would have to
 * send again. Bounded: beyond `limitBytes` a request can no longer be retried.
 */
export class RequestBody {
  readonly #kept = new KeptBytes();
  readonly #limitBytes: number;
  /** Everything so far is here. */
  isWhole = true;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#kept.bytes;
  }

  get chunks(): readonly Buffer[] {
    return this.#kept.pieces;
  }

  /** More is kept than a retry may send again. */
  get isTooLong(): boolean {
    return this.bytes > this.#limitBytes;
  }

  /** True where nothing more should be read until some of it is sent. */
  get isFull(): boolean {
    return this.bytes >= this.#limitBytes;
  }

  /** Copies a piece. `isNeeded`: it is not sent yet, so that it is kept even beyond the limit (its reader is paused then). */
  keep(view: Uint8Array, isNeeded: boolean): void {
    if (!this.isWhole && !isNeeded) return;
    if (this.bytes + view.length > this.#limitBytes && !isNeeded) {
      this.forget();
      return;
    }
    this.#kept.append(view);
  }

  /** Drops what was kept: no retry any more. */
  forget(): void {
    this.#kept.clear();
    this.isWhole = false;
  }
}
