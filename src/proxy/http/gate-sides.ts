/** A stream's two directions, as `FilterGate` runs them. */
import { assert } from '../../core/assert.ts';
import { CONTINUE, type FilterStatus, type HttpFilterHandlers, type HttpStream } from './filter.ts';
import type { GateSide } from './filter-gate.ts';
import type { RequestOrder, ResponseOrder, Standing } from './filter-order.ts';

/** A stream, as its sides see it. */
export interface GatedStream extends HttpStream {
  /** The request, or the response, is its head alone. */
  readonly isRequestWhole: boolean;
  readonly isResponseWhole: boolean;
  /** Filters that take no part in it; undefined where all do. */
  readonly skipped?: ReadonlySet<HttpFilterHandlers> | undefined;
  routeRequest(): void;
  forwardData(view: Uint8Array): void;
  forwardEnd(): void;
  refuseBody(): void;
  holdRequest(): void;
  releaseRequest(): void;
  writeHead(): void;
  writeData(view: Uint8Array): void;
  writeEnd(): void;
  holdResponse(): void;
  releaseResponse(): void;
}

/** Where a filter stands, by its handlers. */
export function standingOf(standings: ReadonlyMap<HttpFilterHandlers, Standing>, handlers: HttpFilterHandlers | undefined): Standing {
  const standing = handlers === undefined ? undefined : standings.get(handlers);
  assert(standing !== undefined, 'a filter passes what is not of its chain');
  return standing;
}

export class RequestSide implements GateSide {
  readonly headerFilters: number;
  readonly dataFilters: number;
  readonly endFilters: number;
  readonly #stream: GatedStream;
  readonly #order: RequestOrder;
  constructor(stream: GatedStream, order: RequestOrder) {
    this.#stream = stream;
    this.#order = order;
    this.headerFilters = order.headers.length;
    this.dataFilters = order.data.length;
    this.endFilters = order.ends.length;
  }
  runHeaders(index: number): FilterStatus {
    const filter = this.#order.headers[index];
    if (filter === undefined || this.#stream.skipped?.has(filter) === true) return CONTINUE;
    return filter.onRequestHeaders(this.#stream, this.#stream.isRequestWhole);
  }
  runData(index: number, view: Uint8Array): FilterStatus {
    const filter = this.#order.data[index];
    if (filter === undefined || this.#stream.skipped?.has(filter) === true) return CONTINUE;
    return filter.onRequestData(this.#stream, view);
  }
  runEnd(index: number): FilterStatus {
    const filter = this.#order.ends[index];
    if (filter === undefined || this.#stream.skipped?.has(filter) === true) return CONTINUE;
    return filter.onRequestEnd(this.#stream);
  }
  runBody(index: number, body: Uint8Array, isWhole: boolean): FilterStatus {
    return this.#order.headers[index]?.onRequestBody?.(this.#stream, body, isWhole) ?? CONTINUE;
  }
  standing(index: number): Standing {
    return standingOf(this.#order.standings, this.#order.headers[index]);
  }
  refuseBody(): void {
    this.#stream.refuseBody();
  }
  passHeaders(): void {
    this.#stream.routeRequest();
  }
  passData(view: Uint8Array): void {
    this.#stream.forwardData(view);
  }
  passEnd(): void {
    this.#stream.forwardEnd();
  }
  hold(): void {
    this.#stream.holdRequest();
  }
  release(): void {
    this.#stream.releaseRequest();
  }
}

/** No filter refuses a response for its length. */
export class ResponseSide implements GateSide {
  readonly headerFilters: number;
  readonly dataFilters: number;
  readonly endFilters: number;
  readonly #stream: GatedStream;
  readonly #order: ResponseOrder;
  constructor(stream: GatedStream, order: ResponseOrder) {
    this.#stream = stream;
    this.#order = order;
    this.headerFilters = order.headers.length;
    this.dataFilters = order.data.length;
    this.endFilters = order.ends.length;
  }
  runHeaders(index: number): FilterStatus {
    const filter = this.#order.headers[index];
    if (filter === undefined || this.#stream.skipped?.has(filter) === true) return CONTINUE;
    return filter.onResponseHeaders(this.#stream, this.#stream.isResponseWhole);
  }
  runData(index: number, view: Uint8Array): FilterStatus {
    const filter = this.#order.data[index];
    if (filter === undefined || this.#stream.skipped?.has(filter) === true) return CONTINUE;
    return filter.onResponseData(this.#stream, view);
  }
  runEnd(index: number): FilterStatus {
    const filter = this.#order.ends[index];
    if (filter === undefined || this.#stream.skipped?.has(filter) === true) return CONTINUE;
    return filter.onResponseEnd(this.#stream);
  }
  runBody(index: number, body: Uint8Array, isWhole: boolean): FilterStatus {
    return this.#order.headers[index]?.onResponseBody?.(this.#stream, body, isWhole) ?? CONTINUE;
  }
  standing(index: number): Standing {
    return standingOf(this.#order.standings, this.#order.headers[index]);
  }
  refuseBody(): void {}
  passHeaders(): void {
    this.#stream.writeHead();
  }
  passData(view: Uint8Array): void {
    this.#stream.writeData(view);
  }
  passEnd(): void {
    this.#stream.writeEnd();
  }
  hold(): void {
    this.#stream.holdResponse();
  }
  release(): void {
    this.#stream.releaseResponse();
  }
}
