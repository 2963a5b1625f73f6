/** Choosing over priorities: by what each can carry, healthy hosts first, then degraded ones, all of them in a panic. */
import type { Host, PickContext } from '../cluster.ts';
import type { ClusterHost } from '../host.ts';
import { type Level, type LevelLoad, spreadLoad } from '../priority-load.ts';
import { type Hash64, moduloOf, randomHash } from './hash64.ts';
import type { Policy } from './load-balancer.ts';
import { localitySource, weightsByLocality } from './locality-source.ts';
import type { Picker, PickerFactory, PickScope } from './picker.ts';
import { NOBODY, type Source } from './source.ts';
import { type ZoneRule, zoneSource } from './zone-source.ts';

/** What localities mean for the choice. */
export type LocalityRule = { readonly kind: 'weighted' } | ({ readonly kind: 'zones' } & ZoneRule);

/** A policy that chooses a host, and what localities mean to it. */
export interface HostChoice {
  readonly policy: Policy;
  readonly locality: LocalityRule;
}

/** The hosts of one priority. */
interface Members {
  readonly priority: number;
  readonly all: readonly ClusterHost[];
  readonly healthy: readonly ClusterHost[];
  readonly degraded: readonly ClusterHost[];
}

function membersOf(hosts: readonly ClusterHost[]): Members[] {
  const byPriority = Map.groupBy(hosts, (host) => host.endpoint.priority);
  return [...byPriority]
    .toSorted(([a], [b]) => a - b)
    .map(([priority, all]) => ({
      priority,
      all,
      healthy: all.filter((host) => host.isHealthy && !host.isDegraded),
      degraded: all.filter((host) => host.isDegraded),
    }));
}

/** Chooses among `fit`, some or all of the hosts of a priority. */
function sourceOf(
  policy: Policy,
  rule: LocalityRule,
  { priority, all, healthy }: Members,
  fit: readonly ClusterHost[],
  scope: PickScope,
): Source {
  if (fit.length === 0) return NOBODY;
  if (rule.kind === 'weighted') {
    const weighted = policy.isHashing ? hashed(policy, fit, scope) : localitySource(policy, all, fit, scope);
    if (weighted !== undefined) return weighted;
  }
  const balancer = policy.create(fit, scope);
  const plain: Source = (hash, attempt) => balancer.pick(hash, attempt);
  if (rule.kind === 'weighted' || scope.zone === undefined || policy.isHashing || priority !== 0 || fit !== healthy) return plain;
  return zoneSource(policy, fit, plain, rule, scope.zone, scope);
}

/** One table over all localities, each having the share of its weight in it. */
function hashed(policy: Policy, fit: readonly ClusterHost[], scope: PickScope): Source | undefined {
  const weights = weightsByLocality(fit, scope);
  if (weights === undefined) return undefined;
  const balancer = policy.create(
    fit.filter((_, i) => (weights[i] ?? 0) > 0),
    scope,
    weights.filter((weight) => weight > 0),
  );
  return (hash, attempt) => balancer.pick(hash, attempt);
}

/** Builds on first use: most priorities never get traffic. */
function lazy(build: () => Source): Source {
  let source: Source | undefined;
  return (hash, attempt) => (source ??= build())(hash, attempt);
}

interface LevelSources {
  readonly healthy: Source;
  readonly degraded: Source;
}

function sourcesOf(policy: Policy, rule: LocalityRule, members: Members, isPanic: boolean, scope: PickScope): LevelSources {
  const { all, healthy, degraded } = members;
  const over = (fit: readonly ClusterHost[]): Source => lazy(() => sourceOf(policy, rule, members, fit, scope));
  if (isPanic) {
    const panics = scope.stats.counter('lb_healthy_panic');
    const among = rule.kind === 'zones' && rule.failsOnPanic ? NOBODY : lazy(() => panicSource(policy, rule, all, scope));
    const source: Source = (hash, attempt) => {
      panics.value++;
      return among(hash, attempt);
    };
    return { healthy: source, degraded: source };
  }
  // a key must not move between the healthy and the degraded hosts: there is one table, of the healthy ones where there are any
  if (policy.isHashing) {
    const source = over(healthy.length > 0 ? healthy : degraded);
    return { healthy: source, degraded: source };
  }
  return { healthy: over(healthy), degraded: over(degraded) };
}

/** In a panic localities do not count, save in tables of hashes. */
function panicSource(policy: Policy, rule: LocalityRule, all: readonly ClusterHost[], scope: PickScope): Source {
  const weighted = policy.isHashing && rule.kind === 'weighted' ? hashed(policy, all, scope) : undefined;
  if (weighted !== undefined) return weighted;
  const balancer = policy.create(all, scope);
  return (hash, attempt) => balancer.pick(hash, attempt);
}

/** The source that `at`, a whole number of per cents below 100, falls into; healthy hosts of all levels come first. */
function sourceAt(loads: readonly LevelLoad[], sources: readonly LevelSources[], at: number): Source {
  let sum = 0;
  for (let i = 0; i < loads.length; i++) if (at < (sum += loads[i]?.healthy ?? 0)) return sources[i]?.healthy ?? NOBODY;
  for (let i = 0; i < loads.length; i++) if (at < (sum += loads[i]?.degraded ?? 0)) return sources[i]?.degraded ?? NOBODY;
  return NOBODY;
}

function countOf({ all, healthy, degraded }: Members): Level {
  return { hosts: all.length, total: all.filter((host) => !host.isExcluded).length, healthy: healthy.length, degraded: degraded.length };
}

const EMPTY: Level = { hosts: 0, total: 0, healthy: 0, degraded: 0 };

/** The only source that gets traffic, where there is one. */
function onlySource(loads: readonly LevelLoad[], sources: readonly LevelSources[]): Source | undefined {
  const healthy = loads.findIndex((load) => load.healthy === 100);
  if (healthy !== -1) return sources[healthy]?.healthy;
  const degraded = loads.findIndex((load) => load.degraded === 100);
  return degraded === -1 ? undefined : sources[degraded]?.degraded;
}

/** Chooses a priority for each pick, and a host of it by `policy`. */
export function levels({ policy, locality: rule }: HostChoice): PickerFactory {
  return (hosts, scope) => {
    const members = membersOf(hosts);
    const counts = members.map(countOf);
    const loads = spreadLoad(counts, scope.overprovisioning, scope.panicThreshold);
    const sources = members.map((own, i) => sourcesOf(policy, rule, own, loads[i]?.isPanic ?? false, scope));
    const loadsWithout = (excluded: NonNullable<PickContext['excludedLevels']>): readonly LevelLoad[] => {
      const out = excluded(members.filter((own) => own.healthy.length + own.degraded.length > 0).map(({ priority }) => priority));
      const left = members.map((own, i) => (out.has(own.priority) ? EMPTY : (counts[i] ?? EMPTY)));
      return spreadLoad(left, scope.overprovisioning, scope.panicThreshold);
    };
    const pick = (shares: readonly LevelLoad[], hash: Hash64 | undefined, attempt: number): Host | undefined => {
      const own = policy.isHashing ? (hash ?? randomHash(scope.random)) : undefined;
      const at = own === undefined ? Math.floor(scope.random() * 100) : moduloOf(own, 100);
      return sourceAt(shares, sources, at)(own, attempt);
    };
    const only = onlySource(loads, sources);
    const usual: Picker =
      only === undefined ? ({ hash }, attempt) => pick(loads, hash, attempt) : ({ hash }, attempt) => only(hash, attempt);
    if (members.length < 2) return usual;
    return (context, attempt) =>
      context.excludedLevels === undefined ? usual(context, attempt) : pick(loadsWithout(context.excludedLevels), context.hash, attempt);
  };
}
