import type { HeaderBlock } from '../../wire/http/headers.ts';
import { CONTINUE, type FilterStatus, REPLIED } from './filter.ts';

/** One direction of a message through the filters. */
export interface GateSide {
  /** How many filters see heads, and data. */
  readonly headerFilters: number;
  readonly dataFilters: number;
  runHeaders(index: number): FilterStatus;
  runData(index: number, view: Uint8Array, isEnd: boolean): FilterStatus;
  /** All filters have let it pass. */
  passHeaders(): void;
  passData(view: Uint8Array): void;
  passEnd(trailers: HeaderBlock | undefined): void;
  /** Somebody stopped: no more bytes should come for now. */
  hold(): void;
  release(): void;
}

const NOTHING = new Uint8Array(0);

interface HeldPiece {
  readonly bytes: Uint8Array;
  /** The data filter that sees it next. */
  readonly from: number;
}

/**
 * Runs a message through filters in order. A filter that stops holds everything behind it; what has come in already is
 * kept (at most one read's worth, for its source is paused) and goes on with `resume`.
 */
export class FilterGate {
  readonly #side: GateSide;
  #nextHeader = 0;
  #nextEnd = 0;
  #isStopped = false;
  #isPassed = false;
  #isOver = false;
  #held: HeldPiece[] | undefined = undefined;
  #end: { readonly trailers: HeaderBlock | undefined } | undefined = undefined;

  constructor(side: GateSide) {
    this.#side = side;
  }

  /** The filters have stopped, or answered: nothing passes now. */
  get isBlocked(): boolean {
    return this.#isStopped || this.#isOver || !this.#isPassed;
  }

  headers(): void {
    const side = this.#side;
    while (this.#nextHeader < side.headerFilters) {
      const status = side.runHeaders(this.#nextHeader++);
      if (status === CONTINUE) continue;
      if (status === REPLIED) this.#isOver = true;
      else this.#stop();
      return;
    }
    this.#isPassed = true;
    side.passHeaders();
  }

  data(view: Uint8Array): void {
    if (this.#isOver) return;
    if (this.isBlocked) (this.#held ??= []).push({ bytes: Buffer.from(view), from: 0 });
    else this.#runData(view, 0);
  }

  end(trailers: HeaderBlock | undefined): void {
    if (this.#isOver) return;
    this.#end = { trailers };
    if (!this.isBlocked) this.#passEnd();
  }

  resume(): void {
    if (!this.#isStopped || this.#isOver) return;
    this.#isStopped = false;
    this.#side.release();
    if (!this.#isPassed) this.headers();
    while (this.#held !== undefined && !this.isBlocked) {
      const piece = this.#held.shift();
      if (this.#held.length === 0) this.#held = undefined;
      if (piece !== undefined) this.#runData(piece.bytes, piece.from);
    }
    if (!this.isBlocked) this.#passEnd();
  }

  /** Nothing passes any more. */
  close(): void {
    this.#isOver = true;
    this.#held = undefined;
    this.#end = undefined;
  }

  #runData(view: Uint8Array, from: number): void {
    const side = this.#side;
    for (let i = from; i < side.dataFilters; i++) {
      const status = side.runData(i, view, false);
      if (status === CONTINUE) continue;
      if (status === REPLIED) this.#isOver = true;
      else {
        (this.#held ??= []).unshift({ bytes: Buffer.from(view), from: i + 1 });
        this.#stop();
      }
      return;
    }
    side.passData(view);
  }

  /** Tells data filters of the end, each once, by an empty last piece. */
  #passEnd(): void {
    if (this.#end === undefined) return;
    const side = this.#side;
    while (this.#nextEnd < side.dataFilters) {
      const status = side.runData(this.#nextEnd++, NOTHING, true);
      if (status === CONTINUE) continue;
      if (status === REPLIED) this.#isOver = true;
      else this.#stop();
      return;
    }
    const { trailers } = this.#end;
    this.#end = undefined;
    side.passEnd(trailers);
  }

  #stop(): void {
    this.#isStopped = true;
    this.#side.hold();
  }
}
