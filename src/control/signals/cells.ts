/**
 * What proxies have counted, by who called whom, in steps of ten seconds for a quarter of an hour. Time is the monotonic
 * clock's, so that a wall clock that jumps moves nothing.
 *
 * A cell is one array of numbers; their count is bounded, and with it the memory: `MAX_BYTES`. When there is no room for
 * a new one the cell goes that has been silent longest; where none has been silent, the new one is not kept, and what it
 * would have counted is counted as lost.
 */
import type { Clock } from '../../core/clock.ts';

/** Length of a step. */
export const STEP_MS = 10_000;
/** Steps kept. */
export const STEPS = 90;
/** Memory that cells may take. */
const MAX_BYTES = 64 * 1024 * 1024;
/** A cell that has been silent for less is not given up for a new one. */
const SILENT_STEPS = 12;

/** Upper bounds of latency's buckets, in milliseconds: Istio's and Envoy's. */
export const LATENCY_BOUNDS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
];

/** Places of a step's numbers. */
export const REQUESTS = 0;
export const FAILURES = 1;
export const DENIED = 2;
/** Requests and connections over mTLS. */
export const MUTUAL = 3;
export const SENT_BYTES = 4;
export const RECEIVED_BYTES = 5;
export const CONNECTIONS = 6;
/** From here on the buckets of latency, each by itself. */
export const BUCKETS = 7;
/** Numbers of a step. */
export const WIDTH = BUCKETS + LATENCY_BOUNDS.length + 1;

const CELL_BYTES = STEPS * WIDTH * Float32Array.BYTES_PER_ELEMENT;
const MAX_CELLS = Math.floor(MAX_BYTES / CELL_BYTES);

/**
 * Whose word a cell is: the called proxy's, the calling one's of requests that it passed on, or the calling one's of
 * those that nobody else can know of, because they went nowhere; or a gateway's of what came to it.
 */
export type Teller = 'destination' | 'source' | 'unsent' | 'gateway';

/** What a cell is of. */
export interface CellKey {
  readonly teller: Teller;
  /** `namespace/workload`. */
  readonly source: string;
  readonly destination: string;
  /** Host. */
  readonly service: string;
  /** Empty but for what is counted by route. */
  readonly route: string;
  readonly protocol: 'http' | 'grpc' | 'tcp';
}

/** What was counted of one key, step by step. */
export interface Cell {
  readonly key: CellKey;
  /** `STEPS` times `WIDTH` numbers, a ring. */
  readonly ring: Float32Array;
  /** First and newest step that has something. */
  firstStep: number;
  lastStep: number;
  /** Last ones seen; '' without. */
  sourcePrincipal: string;
  destinationPrincipal: string;
  /** Still among those that are kept. */
  isKept: boolean;
}

function textOf({ teller, source, destination, service, route, protocol }: CellKey): string {
  return `${teller}\n${source}\n${destination}\n${service}\n${route}\n${protocol}`;
}

/** The cells that are kept. */
export class Cells {
  readonly #clock: Clock;
  readonly #maxCells: number;
  readonly #cells = new Map<string, Cell>();
  /** When there was no room last: it is not looked for again within that step. */
  #fullStep = -1;
  #sweptStep = -1;
  /** The first step of which something could be known. */
  readonly firstStep: number;
  /** From when on something could be known, monotonic. */
  readonly sinceMs: number;

  constructor(clock: Clock, maxCells: number = MAX_CELLS) {
    this.#clock = clock;
    this.#maxCells = maxCells;
    this.firstStep = this.step;
    this.sinceMs = clock.monotonicMs();
  }

  get size(): number {
    return this.#cells.size;
  }

  /** Bytes that the numbers take. */
  get bytes(): number {
    return this.#cells.size * CELL_BYTES;
  }

  all(): Iterable<Cell> {
    return this.#cells.values();
  }

  /** The step that it is now. */
  get step(): number {
    return Math.floor(this.#clock.monotonicMs() / STEP_MS);
  }

  /** The cell of `key`; undefined where there is no room. */
  obtain(key: CellKey): Cell | undefined {
    const text = textOf(key);
    const known = this.#cells.get(text);
    if (known !== undefined) return known;
    const { step } = this;
    if (this.#cells.size >= this.#maxCells && !this.#makeRoom(step)) return undefined;
    const cell: Cell = {
      key,
      ring: new Float32Array(STEPS * WIDTH),
      firstStep: step,
      lastStep: step,
      sourcePrincipal: '',
      destinationPrincipal: '',
      isKept: true,
    };
    this.#cells.set(text, cell);
    return cell;
  }

  /** Adds to one number of the step that it is now. */
  add(cell: Cell, place: number, amount: number): void {
    const at = this.#offset(cell) + place;
    cell.ring[at] = (cell.ring[at] ?? 0) + amount;
  }

  /** Forgets cells of which nothing is left; once a step. */
  sweep(): void {
    const { step } = this;
    if (step === this.#sweptStep) return;
    this.#sweptStep = step;
    const oldest = step - STEPS;
    for (const [text, cell] of this.#cells) if (cell.lastStep <= oldest) this.#drop(text, cell);
  }

  /** Where the numbers of the step begin that it is now; steps in between had nothing. */
  #offset(cell: Cell): number {
    const { step } = this;
    for (let next = Math.max(cell.lastStep + 1, step - STEPS + 1); next <= step; next++) {
      const from = (next % STEPS) * WIDTH;
      cell.ring.fill(0, from, from + WIDTH);
    }
    cell.lastStep = step;
    return (step % STEPS) * WIDTH;
  }

  #drop(text: string, cell: Cell): void {
    cell.isKept = false;
    this.#cells.delete(text);
  }

  #makeRoom(step: number): boolean {
    if (this.#fullStep === step) return false;
    let silent: readonly [string, Cell] | undefined;
    for (const entry of this.#cells) if (silent === undefined || entry[1].lastStep < silent[1].lastStep) silent = entry;
    if (silent === undefined || silent[1].lastStep > step - SILENT_STEPS) {
      this.#fullStep = step;
      return false;
    }
    this.#drop(...silent);
    return true;
  }
}

/** Adds the numbers of `cell` in the steps `from` (inclusive) to `to` (inclusive) to `sums`. */
export function addSteps(cell: Cell, from: number, to: number, sums: Float64Array): void {
  const first = Math.max(from, cell.firstStep, cell.lastStep - STEPS + 1);
  for (let step = first; step <= Math.min(to, cell.lastStep); step++) {
    const offset = (step % STEPS) * WIDTH;
    for (let place = 0; place < WIDTH; place++) sums[place] = (sums[place] ?? 0) + (cell.ring[offset + place] ?? 0);
  }
}
