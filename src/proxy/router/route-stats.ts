/**
 * Statistics of a route that has a `stat_prefix`: `vhost.<virtual host>.route.<stat_prefix>.upstream_rq_*`. They are there
 * from the first request on that the route passes on. Source: Envoy, "Router filter: statistics".
 */
import { type Counter, type Histogram, observe, type StatsScope } from '../telemetry/stats.ts';
import type { RouteEntry } from './route.ts';

const COUNTERS = [
  'upstream_rq_completed',
  'upstream_rq_retry',
  'upstream_rq_retry_limit_exceeded',
  'upstream_rq_retry_overflow',
  'upstream_rq_retry_success',
  'upstream_rq_timeout',
  'upstream_rq_total',
] as const;

export type RouteStats = Readonly<Record<(typeof COUNTERS)[number], Counter>> & {
  readonly upstream_rq_time: Histogram;
  /** Where the counters of single statuses are. */
  readonly scope: StatsScope;
};

const byScope = new WeakMap<StatsScope, WeakMap<RouteEntry, RouteStats>>();

function create(root: StatsScope, { virtualHostName, statPrefix = '' }: RouteEntry): RouteStats {
  // apart, so that names with dots stay whole
  const scope = root.scope(`vhost.${virtualHostName}`).scope(`route.${statPrefix}`);
  const counters = Object.fromEntries(COUNTERS.map((name) => [name, scope.counter(name)])) as Record<(typeof COUNTERS)[number], Counter>;
  return { ...counters, upstream_rq_time: scope.histogram('upstream_rq_time'), scope };
}

/** The statistics of a route; undefined where it has none. `root` is the proxy's scope. */
export function routeStats(root: StatsScope, entry: RouteEntry): RouteStats | undefined {
  if (entry.statPrefix === undefined) return undefined;
  let ofRoutes = byScope.get(root);
  if (ofRoutes === undefined) byScope.set(root, (ofRoutes = new WeakMap()));
  let stats = ofRoutes.get(entry);
  if (stats === undefined) ofRoutes.set(entry, (stats = create(root, entry)));
  return stats;
}

/** Counts the answer that a client gets, of a host or in its place. */
export function countAnswer(stats: RouteStats | undefined, status: number): void {
  if (stats === undefined) return;
  stats.upstream_rq_completed.value++;
  stats.scope.counter(`upstream_rq_${status}`).value++;
  stats.scope.counter(`upstream_rq_${Math.floor(status / 100)}xx`).value++;
}

/** Counts how long the host took, of a request that it answered. */
export function countTime(stats: RouteStats | undefined, ms: number): void {
  if (stats !== undefined) observe(stats.upstream_rq_time, ms);
}
