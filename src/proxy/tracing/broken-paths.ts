/**
 * Mends traces that applications break: an outbound call that says of no trace joins the span of the request that it is a
 * part of, where that is certain enough to say.
 *
 * - It carries the `x-request-id` of one request that is with the application.
 * - It carries no id, and the application is at work on one request and nothing else.
 *
 * Else nothing is guessed: the call begins a trace, and is counted where it may have been a part of another.
 */
import { ConfigError } from '../../core/errors.ts';
import type { LocalNode } from '../http/filter.ts';
import { metadataOfNode } from '../telemetry/peer-metadata.ts';
import type { Counter, StatsScope } from '../telemetry/stats.ts';
import type { InboundRequest, WorkInFlight } from './work.ts';

/** How a parent was found: value of the tag `tulle.inferred_parent`. */
type FoundBy = 'request-id' | 'in-flight';

/** Which ways are gone; listener metadata `tulle.traceMending`. */
export type Mending = 'OFF' | 'REQUEST_ID' | 'IN_FLIGHT';

export const INFERRED_TAG = 'tulle.inferred_parent';

export interface Inference {
  readonly parent: InboundRequest;
  readonly by: FoundBy;
}

function isMending(value: unknown): value is Mending {
  return value === 'OFF' || value === 'REQUEST_ID' || value === 'IN_FLIGHT';
}

/** What a listener's metadata say; both ways where they say nothing. */
export function readMending(listenerMetadata: Readonly<Record<string, unknown>>): Mending {
  const { tulle } = listenerMetadata;
  const said = typeof tulle === 'object' && tulle !== null && 'traceMending' in tulle ? tulle.traceMending : 'IN_FLIGHT';
  if (!isMending(said)) throw new ConfigError('metadata.filter_metadata.tulle.traceMending', 'is not one of OFF, REQUEST_ID, IN_FLIGHT');
  return said;
}

export class BrokenPaths {
  readonly #work: WorkInFlight;
  readonly #countsAlone: boolean;
  readonly #mendedById: Counter;
  readonly #mendedAlone: Counter;
  readonly #left: Counter;

  constructor(work: WorkInFlight, mending: Exclude<Mending, 'OFF'>, stats: StatsScope, node: LocalNode) {
    this.#work = work;
    this.#countsAlone = mending === 'IN_FLIGHT';
    const { workload, namespace } = metadataOfNode(node);
    const counter = (outcome: string) => stats.labelledCounter('tulle_trace_broken_total', { workload, namespace, outcome });
    this.#mendedById = counter('mended_by_request_id');
    this.#mendedAlone = counter('mended_in_flight');
    this.#left = counter('left');
  }

  /** False where calls are a part of nothing. */
  get mayBePart(): boolean {
    return this.#work.count !== 0;
  }

  /** The request that a call which says of no trace is a part of. `requestId`: the id that it came with. */
  infer(requestId: string | undefined): Inference | undefined {
    const work = this.#work;
    if (work.count === 0) return undefined;
    const found = requestId === undefined ? [] : work.withId(requestId);
    const [first] = found;
    if (first !== undefined && found.length === 1) {
      this.#mendedById.value++;
      return { parent: first, by: 'request-id' };
    }
    // an id of no request here may be of one that is answered already
    const only = requestId === undefined && this.#countsAlone ? work.only() : undefined;
    if (only === undefined) {
      this.#left.value++;
      return undefined;
    }
    this.#mendedAlone.value++;
    return { parent: only, by: 'in-flight' };
  }
}
