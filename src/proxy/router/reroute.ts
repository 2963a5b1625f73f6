/**
 * A request that takes another route after it has passed its filters: it waited for a cluster which has gone with the
 * route that led there.
 */
import type { PerFilter } from './per-filter-config.ts';
import type { ClusterChoice, RouteAction, RouteEntry } from './route.ts';

type ClusterAction = Extract<RouteAction, { kind: 'cluster' }>;

/** Sends a request where a route says. */
export type Forward = (route: RouteEntry, action: ClusterAction) => void;

/** A route that was taken, and the cluster that was chosen of it. */
export interface TakenRoute {
  readonly route: RouteEntry | undefined;
  readonly choice: ClusterChoice | undefined;
}

/** Filters that decide about nobody's access: a request may go without what the other route says to them. */
const DECIDE_NOTHING: ReadonlySet<string> = new Set(['envoy.filters.http.cors', 'envoy.filters.http.fault']);

function saysNothing(perFilter: PerFilter | undefined): boolean {
  return perFilter === undefined || [...perFilter.keys()].every((name) => DECIDE_NOTHING.has(name));
}

/**
 * True where filters that let a request pass on one route need not see it again on another one, for neither configures a
 * filter that might refuse it, nor switches one on or off.
 */
export function passAlike(former: TakenRoute, next: TakenRoute): boolean {
  return [former, next].every(({ route, choice }) => saysNothing(route?.perFilter) && saysNothing(choice?.perFilter));
}
