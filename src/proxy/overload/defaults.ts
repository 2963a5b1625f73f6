/**
 * What holds where a bootstrap says nothing of overload: a proxy sheds before the system ends it. Memory is measured
 * against what its control group may have, and V8's heap against its own limit, past which the process would abort;
 * descriptors against what the process may open.
 */
import v8 from 'node:v8';
import type { StatsScope } from '../telemetry/stats.ts';
import { type Act, createAction } from './actions.ts';
import { descriptorLimit, descriptorsOpen, memoryLimitBytes } from './container-limits.ts';
import type { Monitor, ReadPressure } from './monitors.ts';
import type { Overload } from './overload.ts';
import type { ActionSettings, OverloadSettings } from './settings.ts';

const REFRESH_MS = 1000;
const MEMORY = 'tulle.memory';
const DESCRIPTORS = 'tulle.descriptors';

/** Pressures of memory from which on each holds: first what costs clients least. */
const SHRINKS_AT = 0.85;
const CLOSES_AT = 0.9;
const REFUSES_AT = 0.95;
/** Descriptors: what is left is for upstream connections of requests under way. */
const REJECTS_AT = 0.9;

/** The larger of resident memory by the container's limit, and heap by V8's. */
function memoryPressure(): ReadPressure {
  const limit = memoryLimitBytes();
  return () => {
    const { used_heap_size: used, heap_size_limit: most } = v8.getHeapStatistics();
    const ofHeap = used / most;
    return limit === undefined ? ofHeap : Math.max(ofHeap, process.memoryUsage.rss() / limit);
  };
}

function descriptorPressure(): ReadPressure | undefined {
  const limit = descriptorLimit();
  if (limit === undefined || descriptorsOpen() === undefined) return undefined;
  return () => (descriptorsOpen() ?? 0) / limit;
}

/** The defaults; actions write into `overload`. */
export function defaultOverload(overload: Overload, stats: StatsScope): OverloadSettings {
  const monitors = new Map<string, Monitor>([[MEMORY, { kind: 'read', read: memoryPressure() }]]);
  const descriptors = descriptorPressure();
  if (descriptors !== undefined) monitors.set(DESCRIPTORS, { kind: 'read', read: descriptors });
  const from = (threshold: number) => (pressure: number) => (pressure >= threshold ? 1 : 0);
  const action = (name: string): { readonly name: string; readonly act: Act } => {
    const full = `envoy.overload_actions.${name}`;
    return { name: full, act: createAction(full, undefined, '', overload, stats.scope(`overload.${full}`)) };
  };
  const actions: ActionSettings[] = [
    { ...action('shrink_heap'), triggers: [[MEMORY, from(SHRINKS_AT)]] },
    { ...action('disable_http_keepalive'), triggers: [[MEMORY, from(CLOSES_AT)]] },
    { ...action('stop_accepting_requests'), triggers: [[MEMORY, from(REFUSES_AT)]] },
    {
      ...action('reject_incoming_connections'),
      triggers: [[MEMORY, from(REFUSES_AT)], ...(descriptors === undefined ? [] : [[DESCRIPTORS, from(REJECTS_AT)] as const])],
    },
  ];
  return { refreshMs: REFRESH_MS, monitors, actions };
}
