/**
 * What the workload's application is at: requests that went to it and are not answered yet, and connections of bytes. An
 * outbound call that says of no trace can be a part of one of them; `broken-paths.ts` asks which.
 */
import type { Timers, WheelTimer } from '../timers.ts';
import type { InferredParent } from './span.ts';

/** A request that is with the application, and its span. */
export interface InboundRequest extends InferredParent {
  /** '' where it has none. */
  readonly requestId: string;
}

/** One piece of work while it lasts. */
export interface Work {
  /** Undefined for what is no single request: bytes of TCP, an upgrade, a tunnel. */
  readonly request: InboundRequest | undefined;
  /** Where it is noted in memory that several event loops share; -1 for nowhere. */
  slot: number;
}

/** Where work is noted: for one event loop, or for all of them. */
export interface WorkStore {
  add(work: Work): void;
  remove(work: Work): void;
  readonly count: number;
  /** The only piece of work there is, where it is a request. */
  only(): InboundRequest | undefined;
  /** Requests with that id, two at most. */
  withId(requestId: string): readonly InboundRequest[];
}

/** The work of a proxy with one event loop. */
export class LocalWork implements WorkStore {
  readonly #all = new Set<Work>();

  get count(): number {
    return this.#all.size;
  }

  add(work: Work): void {
    this.#all.add(work);
  }

  remove(work: Work): void {
    this.#all.delete(work);
  }

  only(): InboundRequest | undefined {
    if (this.#all.size !== 1) return undefined;
    const [work] = this.#all;
    return work?.request;
  }

  withId(requestId: string): readonly InboundRequest[] {
    const found: InboundRequest[] = [];
    for (const { request } of this.#all) {
      if (request?.requestId !== requestId) continue;
      if (found.push(request) === 2) break;
    }
    return found;
  }
}

/** How long an application is thought to be at work on a request of which nobody waits for the answer any more. */
const ABANDONED_MS = 10_000;

/** The workload's work, on this event loop and the others. */
export class WorkInFlight {
  readonly #store: WorkStore;
  readonly #timers: Timers;
  #abandoned: Work | undefined = undefined;
  #timer: WheelTimer | undefined = undefined;

  constructor(store: WorkStore, timers: Timers) {
    this.#store = store;
    this.#timers = timers;
  }

  get count(): number {
    return this.#store.count;
  }

  /** The application has got something to do. */
  enter(request: InboundRequest | undefined): Work {
    const work = { request, slot: -1 };
    this.#store.add(work);
    return work;
  }

  /** It is done. */
  leave(work: Work): void {
    this.#store.remove(work);
  }

  /** Nobody waits for the answer, of which the application knows nothing: it may go on, and so counts as work for a while. */
  abandon(work: Work): void {
    this.#store.remove(work);
    this.#abandoned ??= this.enter(undefined);
    this.#timers.cancel(this.#timer);
    this.#timer = this.#timers.after(ABANDONED_MS, () => {
      if (this.#abandoned !== undefined) this.#store.remove(this.#abandoned);
      this.#abandoned = undefined;
    });
  }

  only(): InboundRequest | undefined {
    return this.#store.only();
  }

  withId(requestId: string): readonly InboundRequest[] {
    return this.#store.withId(requestId);
  }
}
