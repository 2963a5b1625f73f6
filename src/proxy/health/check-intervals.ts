/** When a host is checked next. Source: Envoy, HealthCheck, its seven intervals and three jitters. */
import type { Random } from '../../core/clock.ts';
import type { Transition } from './check-state.ts';

/** Intervals between checks, in milliseconds, defaults filled in. */
export interface CheckIntervals {
  readonly intervalMs: number;
  /** While the cluster has never had traffic: after failures, and while a change is pending. */
  readonly noTrafficMs: number;
  readonly noTrafficHealthyMs: number;
  readonly unhealthyMs: number;
  /** While a failing check has not made the host unhealthy yet. */
  readonly unhealthyEdgeMs: number;
  /** While a passing check has not made the host healthy yet. */
  readonly healthyEdgeMs: number;
  readonly initialJitterMs: number;
  readonly jitterMs: number;
  readonly jitterPercent: number;
}

function baseMs(intervals: CheckIntervals, hasPassed: boolean, transition: Transition, hasTraffic: boolean): number {
  const isEdge = transition === 'pending';
  if (!hasTraffic) return hasPassed && !isEdge ? intervals.noTrafficHealthyMs : intervals.noTrafficMs;
  if (hasPassed) return isEdge ? intervals.healthyEdgeMs : intervals.intervalMs;
  return isEdge ? intervals.unhealthyEdgeMs : intervals.unhealthyMs;
}

function jittered(base: number, percent: number, jitterMs: number, random: Random): number {
  return Math.max(1, base + (random() * percent * base) / 100 + random() * jitterMs);
}

/** Milliseconds until the next check, after one that passed or failed. `hasTraffic`: the cluster has had a connection. */
export function nextCheckMs(
  intervals: CheckIntervals,
  last: { readonly hasPassed: boolean; readonly transition: Transition; readonly hasTraffic: boolean },
  random: Random,
): number {
  const base = baseMs(intervals, last.hasPassed, last.transition, last.hasTraffic);
  return jittered(base, intervals.jitterPercent, intervals.jitterMs, random);
}

/** Milliseconds until the first check of a host; 0: at once. */
export function firstCheckMs({ initialJitterMs }: CheckIntervals, random: Random): number {
  return initialJitterMs === 0 ? 0 : jittered(0, 0, initialJitterMs, random);
}
