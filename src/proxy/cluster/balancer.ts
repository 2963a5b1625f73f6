import type { Random } from '../../core/clock.ts';
import type { ClusterHost } from './host.ts';
import { createSchedule } from './lb/edf.ts';
import type { LoadBalancer, LoadBalancerFactory } from './lb/load-balancer.ts';
import { type LevelLoad, spreadLoad } from './priority-load.ts';
import type { Host, PickContext } from './cluster.ts';

export interface BalancerSettings {
  readonly policy: LoadBalancerFactory;
  readonly random: Random;
  /** Share of usable hosts, per cent, below which all are used. */
  readonly panicThreshold: number;
  /** True: localities share the traffic by their weights; false: hosts of all localities alike. */
  readonly isLocalityWeighted: boolean;
}

/** Chooses a host over priorities and localities; undefined where there is nobody to choose. `excluded` as in PickContext. */
export type Picker = (hash: number | undefined, attempt: number, excluded?: PickContext['excludedLevels']) => Host | undefined;

interface Group {
  readonly weight: number;
  readonly balancer: LoadBalancer;
}

/** Hosts fit to be chosen: healthy ones, and degraded ones where there is no healthy one. */
function usableHosts(hosts: readonly ClusterHost[]): readonly ClusterHost[] {
  const healthy = hosts.filter((host) => host.isHealthy && !host.isDegraded);
  return healthy.length > 0 ? healthy : hosts.filter((host) => host.isHealthy);
}

/** One balancer per locality, weighted by its weight and by how much of it is usable. */
function groupByLocality(all: readonly ClusterHost[], isPanic: boolean, over: number, settings: BalancerSettings): Group[] {
  const groups: Group[] = [];
  for (const members of Map.groupBy(all, (host) => host.endpoint.locality).values()) {
    const chosen = isPanic ? members : usableHosts(members);
    const weight = (members[0]?.endpoint.localityWeight ?? 0) * Math.min(1, (over * chosen.length) / members.length);
    if (weight > 0) groups.push({ weight, balancer: settings.policy(chosen, settings.random) });
  }
  return groups;
}

function levelPicker(hosts: readonly ClusterHost[], isPanic: boolean, over: number, settings: BalancerSettings): Picker {
  if (settings.isLocalityWeighted) {
    const groups = groupByLocality(hosts, isPanic, over, settings);
    if (groups.length > 0) {
      const schedule = createSchedule(groups, (group) => group.weight, settings.random);
      return (hash, attempt) => schedule.next().balancer.pick(hash, attempt);
    }
  }
  const chosen = isPanic ? hosts : usableHosts(hosts);
  if (chosen.length === 0) return () => undefined;
  const balancer = settings.policy(chosen, settings.random);
  return (hash, attempt) => balancer.pick(hash, attempt);
}

/** The priority that `at`, per cent, falls into. */
function choosePriority(loads: readonly LevelLoad[], at: number): number {
  let sum = 0;
  for (const [i, load] of loads.entries()) {
    sum += load.share;
    if (at < sum) return i;
  }
  return loads.findLastIndex((load) => load.share > 0);
}

/** Prepares choosing among `hosts` as they are now; to be built anew when any of them changes. */
export function buildPicker(hosts: readonly ClusterHost[], overprovisioning: number, settings: BalancerSettings): Picker {
  const byPriority = Map.groupBy(hosts, (host) => host.endpoint.priority);
  const priorities = [...byPriority.keys()].toSorted((a, b) => a - b);
  const levels = priorities.map((priority) => byPriority.get(priority) ?? []);
  const counts = levels.map((level) => ({ total: level.length, usable: usableHosts(level).length }));
  const loads = spreadLoad(counts, overprovisioning, settings.panicThreshold);
  const pickers = levels.map((level, i) => levelPicker(level, loads[i]?.isPanic ?? false, overprovisioning, settings));
  const [only] = pickers;
  if (pickers.length <= 1) return only ?? (() => undefined);
  const { random, panicThreshold } = settings;
  const loadsWithout = (excluded: NonNullable<PickContext['excludedLevels']>): readonly LevelLoad[] => {
    const out = excluded(priorities.filter((_, i) => (counts[i]?.usable ?? 0) > 0));
    const left = counts.map((count, i) => (out.has(priorities[i] ?? 0) ? { total: 0, usable: 0 } : count));
    return spreadLoad(left, overprovisioning, panicThreshold);
  };
  return (hash, attempt, excluded) => {
    const shares = excluded === undefined ? loads : loadsWithout(excluded);
    return pickers[choosePriority(shares, random() * 100)]?.(hash, attempt);
  };
}
