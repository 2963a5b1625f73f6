/**
 * What is kept of the flows that proxies tell of: a ring for each verdict, so that a flood of ordinary traffic cannot
 * push denials out. All together they hold a bound in bytes; the oldest are dropped, and counted. What went well has
 * what the others do not need.
 */
import { type Flow, type KeptFlows, type LostFlows, VERDICTS, type Verdict } from '../../model/flow.ts';
import { FlowRing } from './ring.ts';
import { type FlowQuery, matches } from './query.ts';

/** Bytes where nothing else is asked for. */
const DEFAULT_FLOW_BYTES = 32 * 1024 * 1024;

/** Of the bound, at most. */
const SHARES: Readonly<Record<Verdict, number>> = { forwarded: 1, denied: 0.25, failed: 0.25 };

/** Gives way to whoever else uses the event loop. */
type Pause = () => Promise<unknown>;

/** The flows that are kept, and those who are told of new ones. */
export class FlowStore {
  readonly bytesMax: number;
  /** Counted by whoever takes flows in. */
  readonly lost = { byProxies: 0, unreadable: 0 };
  readonly #rings: Readonly<Record<Verdict, FlowRing>>;
  readonly #watchers = new Set<(flow: Flow) => void>();

  constructor(bytesMax: number = DEFAULT_FLOW_BYTES) {
    this.bytesMax = bytesMax;
    const ring = (verdict: Verdict): FlowRing => new FlowRing(verdict, Math.floor(bytesMax * SHARES[verdict]));
    this.#rings = { forwarded: ring('forwarded'), denied: ring('denied'), failed: ring('failed') };
  }

  /** Keeps a flow, and tells those who watch. They must come in the order of `receivedMs`. */
  add(flow: Flow): void {
    const { forwarded, denied, failed } = this.#rings;
    this.#rings[flow.verdict].add(flow);
    forwarded.hold(this.bytesMax - denied.bytes - failed.bytes);
    for (const watcher of this.#watchers) watcher(flow);
  }

  /** Calls `watcher` with every flow from now on, until the returned function is called. */
  watch(watcher: (flow: Flow) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  kept(): KeptFlows {
    const rings = VERDICTS.map((verdict) => this.#rings[verdict]);
    const oldest = rings.flatMap(({ verdict, oldestMs }) => (oldestMs === undefined ? [] : [[verdict, oldestMs] as const]));
    return {
      flows: rings.reduce((sum, { count }) => sum + count, 0),
      bytes: rings.reduce((sum, { bytes }) => sum + bytes, 0),
      bytesMax: this.bytesMax,
      oldestMs: Object.fromEntries(oldest),
    };
  }

  lostSoFar(): LostFlows {
    return { ...this.lost, aged: VERDICTS.reduce((sum, verdict) => sum + this.#rings[verdict].aged, 0) };
  }

  /** Flows that are kept now of one verdict. */
  count(verdict: Verdict): number {
    return this.#rings[verdict].count;
  }

  /**
   * The newest `query.limit` flows that match, in the order in which they began. Between segments `pause` is awaited, so that
   * looking through everything does not hold up whoever else uses the event loop.
   */
  async query(query: FlowQuery, pause: Pause): Promise<Flow[]> {
    const found: Flow[][] = [];
    for (const verdict of VERDICTS) {
      if (query.verdicts !== undefined && !query.verdicts.includes(verdict)) continue;
      found.push(await this.#ofRing(this.#rings[verdict], query, pause));
    }
    const newest = found
      .flat()
      .toSorted((a, b) => a.receivedMs - b.receivedMs || a.startMs - b.startMs)
      .slice(-query.limit);
    // proxies send in turns: what came together began at many times
    return newest.toSorted((a, b) => a.startMs - b.startMs);
  }

  async #ofRing(ring: FlowRing, query: FlowQuery, pause: Pause): Promise<Flow[]> {
    const parts: Flow[][] = [];
    let wanted = query.limit;
    for (const flows of ring.read(query.sinceMs, query.untilMs)) {
      const part = flows.filter((flow) => matches(flow, query)).slice(-wanted);
      parts.push(part);
      wanted -= part.length;
      if (wanted <= 0) break;
      await pause();
    }
    return parts.toReversed().flat();
  }
}
