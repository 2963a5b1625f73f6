import { KeptBytes } from '../../core/kept-bytes.ts';
import { COLLECT, type CollectOptions, CONTINUE, type FilterStatus, REPLIED, STOP, TAKEN } from './filter.ts';
import type { Standing } from './filter-order.ts';

/** One direction of a message through the filters. Handlers of each kind are numbered in the order in which they run. */
export interface GateSide {
  /** How many filters see heads, data, and the end. */
  readonly headerFilters: number;
  readonly dataFilters: number;
  readonly endFilters: number;
  runHeaders(index: number): FilterStatus;
  runData(index: number, view: Uint8Array): FilterStatus;
  runEnd(index: number): FilterStatus;
  /** Gives the filter that sees heads as number `index` the body that it has asked for. */
  runBody(index: number, body: Uint8Array, isWhole: boolean): FilterStatus;
  /** Where the filter that sees heads as number `index` stands. */
  standing(index: number): Standing;
  /** The body is longer than the filter that collects it allows. */
  refuseBody(): void;
  /** All filters have let it pass. */
  passHeaders(): void;
  passData(view: Uint8Array): void;
  passEnd(): void;
  /** Somebody stopped: no more bytes should come for now. */
  hold(): void;
  release(): void;
}

interface HeldPiece {
  readonly bytes: Uint8Array;
  /** The data filter that sees it next. */
  readonly from: number;
}

/** A body on its way to the filter that waits for it. */
interface Collection {
  readonly header: number;
  readonly standing: Standing;
  readonly options: CollectOptions;
  readonly body: KeptBytes;
}

/**
 * Runs a message through filters in order. A filter that stops holds everything behind it; what has come in already is
 * kept (at most one read's worth, for its source is paused) and goes on with `resume`. Pieces that are held stand in the
 * order of the message: those that are further along come first.
 */
export class FilterGate {
  readonly #side: GateSide;
  #nextHeader = 0;
  #nextEnd = 0;
  /** How many filters have stopped it, and the last data filter among them. */
  #stops = 0;
  #stoppedAt = -1;
  #isPassed = false;
  #isOver = false;
  #held: HeldPiece[] | undefined = undefined;
  #collectOptions: CollectOptions | undefined = undefined;
  #collection: Collection | undefined = undefined;
  #hasEnd = false;

  constructor(side: GateSide) {
    this.#side = side;
  }

  /** Nothing that comes in now passes: the filters have stopped, or answered. */
  get isBlocked(): boolean {
    return this.#stops > 0 || this.#isOver || (!this.#isPassed && this.#collection === undefined);
  }

  headers(): void {
    const side = this.#side;
    while (this.#nextHeader < side.headerFilters) {
      const status = side.runHeaders(this.#nextHeader++);
      if (status === CONTINUE) continue;
      if (status === COLLECT) {
        this.#startCollection();
        break;
      }
      if (status === REPLIED) this.#isOver = true;
      else this.#stop(-1);
      return;
    }
    if (this.#collection === undefined) {
      this.#isPassed = true;
      side.passHeaders();
    }
    if (this.#held !== undefined || this.#hasEnd) this.#goOn();
  }

  data(view: Uint8Array): void {
    if (this.#isOver) return;
    if (this.isBlocked || this.#held !== undefined) this.#hold(Buffer.from(view), 0);
    else this.#runData(view, 0);
  }

  end(): void {
    if (this.#isOver) return;
    this.#hasEnd = true;
    if (!this.isBlocked && this.#held === undefined) this.#runEnd();
  }

  /** What a filter makes of the pieces it has taken goes on to the data filters from number `from`. */
  pass(view: Uint8Array, from: number): void {
    if (this.#isOver) return;
    const isOpen = this.#isPassed || (this.#collection !== undefined && from <= this.#collection.standing.dataBefore);
    const isNext = this.#held === undefined || (this.#held[0]?.from ?? 0) < from;
    if (isOpen && isNext && this.#stoppedAt < from) this.#runData(view, from);
    else this.#hold(Buffer.from(view), from);
  }

  /** Says what the next `COLLECT` collects. */
  collect(options: CollectOptions): void {
    this.#collectOptions = options;
  }

  resume(): void {
    if (this.#stops === 0 || this.#isOver) return;
    if (--this.#stops > 0) return;
    this.#stoppedAt = -1;
    this.#side.release();
    if (!this.#isPassed && this.#collection === undefined) this.headers();
    else this.#goOn();
  }

  /** Nothing passes any more. */
  close(): void {
    this.#isOver = true;
    this.#held = undefined;
    this.#collection = undefined;
    this.#hasEnd = false;
  }

  /** Lets go what was held, as far as it comes. */
  #goOn(): void {
    while (this.#held !== undefined && !this.isBlocked) {
      const piece = this.#held.shift();
      if (this.#held.length === 0) this.#held = undefined;
      if (piece !== undefined) this.#runData(piece.bytes, piece.from);
    }
    if (this.#hasEnd && !this.isBlocked) this.#runEnd();
  }

  #runData(view: Uint8Array, from: number): void {
    const side = this.#side;
    const count = this.#collection?.standing.dataBefore ?? side.dataFilters;
    for (let i = from; i < count; i++) {
      const status = side.runData(i, view);
      if (status === CONTINUE) continue;
      if (status === TAKEN) return;
      if (status === REPLIED) this.#isOver = true;
      else {
        if (status === STOP) this.#hold(Buffer.from(view), i + 1);
        this.#stop(i);
      }
      return;
    }
    if (this.#collection === undefined) side.passData(view);
    else this.#addToCollection(this.#collection, view);
  }

  #runEnd(): void {
    const side = this.#side;
    const collection = this.#collection;
    const count = collection?.standing.endBefore ?? side.endFilters;
    while (this.#nextEnd < count) {
      const status = side.runEnd(this.#nextEnd++);
      // what the filter has passed on at the end may have been stopped behind it
      if (status === CONTINUE && !this.isBlocked) continue;
      if (status === REPLIED) this.#isOver = true;
      else if (status !== CONTINUE) this.#stop(-1);
      return;
    }
    if (collection !== undefined) return this.#endCollection(collection, true);
    if (!this.#hasEnd) return;
    this.#hasEnd = false;
    side.passEnd();
  }

  #startCollection(): void {
    const header = this.#nextHeader - 1;
    const options = this.#collectOptions ?? { maxBytes: 0, isPartialEnough: false };
    this.#collection = { header, standing: this.#side.standing(header), options, body: new KeptBytes() };
  }

  #addToCollection(collection: Collection, view: Uint8Array): void {
    const { options } = collection;
    collection.body.append(view);
    const { bytes } = collection.body;
    if (bytes < options.maxBytes || (bytes === options.maxBytes && !options.isPartialEnough)) return;
    if (options.isPartialEnough) return this.#endCollection(collection, false);
    this.close();
    this.#side.refuseBody();
  }

  /** Hands the body over, and lets head and body go on behind the filter. */
  #endCollection(collection: Collection, isEnd: boolean): void {
    const { options, header, standing } = collection;
    const body = Buffer.concat(collection.body.pieces);
    this.#collection = undefined;
    const isWhole = isEnd || body.length <= options.maxBytes;
    const status = this.#side.runBody(header, isWhole ? body : body.subarray(0, options.maxBytes), isWhole);
    if (body.length > 0 && status !== TAKEN) this.#hold(body, standing.dataAfter);
    if (status === REPLIED) this.#isOver = true;
    else if (status !== CONTINUE && status !== TAKEN) this.#stop(-1);
    else this.headers();
  }

  /** Keeps a piece behind those that are as far along as it. */
  #hold(bytes: Uint8Array, from: number): void {
    const held = (this.#held ??= []);
    let at = held.length;
    while (at > 0 && (held[at - 1]?.from ?? 0) < from) at--;
    held.splice(at, 0, { bytes, from });
  }

  #stop(dataFilter: number): void {
    this.#stoppedAt = Math.max(this.#stoppedAt, dataFilter);
    if (this.#stops++ === 0) this.#side.hold();
  }
}
