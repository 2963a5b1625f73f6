/**
 * How traffic spreads over priorities, and when a priority panics. Envoy's "priority levels", "degraded endpoints" and
 * "panic threshold": a priority carries what its healthy hosts can, the rest spills to the next one, then to degraded
 * hosts. Shares are whole per cents, as in Envoy, so that the hash of a request chooses the same priority in both.
 */
import { runtimeCount } from '../config/live-values.ts';

export interface Level {
  /** All of its hosts. */
  readonly hosts: number;
  /** Those that count: not the ones that leave, or were never checked. */
  readonly total: number;
  readonly healthy: number;
  readonly degraded: number;
}

export interface LevelLoad {
  /** Per cent of the traffic for the healthy hosts and for the degraded ones. All are 100 together, or 0 where there is nobody. */
  readonly healthy: number;
  readonly degraded: number;
  /** True: choose among all hosts, since so few are usable that avoiding the others would bury them. */
  readonly isPanic: boolean;
}

/** Per cent of the traffic that some hosts of a level could carry. */
function capacity(count: number, total: number, overprovisioning: number): number {
  // Envoy's factor is a whole number of per cents
  return total === 0 ? 0 : Math.min(100, Math.floor((Math.round(overprovisioning * 100) * count) / total));
}

/** Spreads at most `left` over levels in their order; what is left of it stands in the last element. */
function distribute(capacities: readonly number[], available: number, left: number): { shares: number[]; left: number } {
  let rest = left;
  const shares = capacities.map((value) => {
    const share = Math.min(rest, Math.floor((100 * value) / available));
    rest -= share;
    return share;
  });
  return { shares, left: rest };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Adds what rounding left to the first of `shares` that `isFit`; false where none is. */
function addRest(shares: number[], rest: number, isFit: (i: number) => boolean): boolean {
  const at = shares.findIndex((_, i) => isFit(i));
  if (at !== -1) shares[at] = (shares[at] ?? 0) + rest;
  return at !== -1;
}

/** Where no level can be trusted, traffic goes by numbers of hosts alone. */
function byHosts(levels: readonly Level[]): LevelLoad[] {
  const total = sum(levels.map((level) => level.hosts));
  const shares = levels.map((level) => (total === 0 ? 0 : Math.floor((100 * level.hosts) / total)));
  if (total > 0) addRest(shares, 100 - sum(shares), (i) => (levels[i]?.hosts ?? 0) > 0);
  return shares.map((healthy) => ({ healthy, degraded: 0, isPanic: true }));
}

/** The panic threshold of all clusters where the runtime has one, else a cluster's own. Envoy: `upstream.healthy_panic_threshold`. */
export function panicThresholdNow(own: number): number {
  return Math.min(100, runtimeCount('upstream.healthy_panic_threshold') ?? own);
}

/** Loads of all priorities, the first being priority 0. `panicThreshold` is a percentage; 0 turns panic off. */
export function spreadLoad(levels: readonly Level[], overprovisioning: number, panicThreshold: number): LevelLoad[] {
  const healthy = levels.map((level) => capacity(level.healthy, level.total, overprovisioning));
  const degraded = levels.map((level) => capacity(level.degraded, level.total, overprovisioning));
  const available = Math.min(100, sum(healthy) + sum(degraded));
  const usable = ({ total, healthy: up, degraded: half }: Level): number => (total === 0 ? 0 : (100 * (up + half)) / total);
  const isPanic = levels.map((level) => available < 100 && usable(level) < panicThreshold);
  if (isPanic.every((panics) => panics)) return byHosts(levels);
  if (available === 0) return levels.map((_, i) => ({ healthy: 0, degraded: 0, isPanic: isPanic[i] ?? false }));
  const first = distribute(healthy, available, 100);
  const second = distribute(degraded, available, first.left);
  if (second.left > 0 && !addRest(first.shares, second.left, (i) => (healthy[i] ?? 0) > 0))
    addRest(second.shares, second.left, (i) => (degraded[i] ?? 0) > 0);
  return levels.map((_, i) => ({ healthy: first.shares[i] ?? 0, degraded: second.shares[i] ?? 0, isPanic: isPanic[i] ?? false }));
}
