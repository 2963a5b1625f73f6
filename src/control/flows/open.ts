/** The flows of a control plane: their store, its metrics, and the clock that they are ordered by. */
import type { Clock } from '../../core/clock.ts';
import { VERDICTS } from '../../model/flow.ts';
import type { Metrics } from '../metrics.ts';
import { FlowStore } from './store.ts';
import { Taps } from './taps.ts';

/** What is known of requests and connections, and who looks on. */
export interface OpenFlows {
  readonly store: FlowStore;
  readonly taps: Taps;
  /** Ms since 1970 that never go back: the wall clock when it began, and what has passed since. */
  readonly nowMs: () => number;
  /** Lines that slow readers of a watched answer did not get. */
  missed: number;
}

function addGauges({ store, taps }: OpenFlows, metrics: Metrics, missed: () => number): void {
  metrics.gauge('tulle_flows', 'Flow records that are kept, by verdict.', () =>
    VERDICTS.map((verdict) => [{ verdict }, store.count(verdict)] as const),
  );
  metrics.gauge('tulle_flow_taps', 'Readers for whom proxies tell of every request.', () => taps.size);
  metrics.gauge('tulle_flows_bytes', 'Memory that they take, at most.', () => store.kept().bytes);
  metrics.gauge('tulle_flows_bytes_max', 'The bound of it.', () => store.bytesMax);
  metrics.total('tulle_flows_lost_total', 'Flow records that are not kept (any more), by why.', () => {
    const { byProxies, unreadable, aged } = store.lostSoFar();
    return [
      [{ reason: 'proxy' }, byProxies],
      [{ reason: 'unreadable' }, unreadable],
      [{ reason: 'aged' }, aged],
      [{ reason: 'slow_reader' }, missed()],
    ];
  });
}

/** Opens a store that holds `bytesMax` at most. */
export function openFlows(bytesMax: number | undefined, clock: Clock, metrics: Metrics): OpenFlows {
  const sinceMs = clock.wallMs() - clock.monotonicMs();
  const open: OpenFlows = {
    store: new FlowStore(bytesMax),
    taps: new Taps(),
    nowMs: () => Math.floor(sinceMs + clock.monotonicMs()),
    missed: 0,
  };
  addGauges(open, metrics, () => open.missed);
  return open;
}
