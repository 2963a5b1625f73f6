/** Localities that share the traffic of their priority by weight. Envoy: LocalityWeightedLbConfig. */
import type { ClusterHost } from '../host.ts';
import { createSchedule } from './edf.ts';
import type { Policy } from './load-balancer.ts';
import type { PickScope } from './picker.ts';
import type { Source } from './source.ts';

/** Weights of hosts, all together 1, out of those of their localities; undefined where no locality has any. */
export function weightsByLocality(hosts: readonly ClusterHost[], scope: PickScope): readonly number[] | undefined {
  const byLocality = Map.groupBy(hosts, (host) => host.endpoint.locality);
  const localityWeight = (members: readonly ClusterHost[]): number => (members[0] === undefined ? 0 : scope.localityWeightOf(members[0]));
  let total = 0;
  for (const members of byLocality.values()) total += localityWeight(members);
  if (total === 0) return undefined;
  const shares = new Map<string, number>();
  const sums = new Map<string, number>();
  for (const [locality, members] of byLocality) {
    shares.set(locality, localityWeight(members) / total);
    sums.set(
      locality,
      members.reduce((sum, host) => sum + host.weight, 0),
    );
  }
  return hosts.map((host) => (host.weight * (shares.get(host.endpoint.locality) ?? 0)) / (sums.get(host.endpoint.locality) ?? 1));
}

/**
 * One balancer a locality, weighted by its weight and by how much of `all` of it is `fit`; undefined where no locality has a
 * weight.
 */
export function localitySource(
  policy: Policy,
  all: readonly ClusterHost[],
  fit: readonly ClusterHost[],
  scope: PickScope,
): Source | undefined {
  const fitByLocality = Map.groupBy(fit, (host) => host.endpoint.locality);
  const groups = [];
  for (const [locality, members] of Map.groupBy(all, (host) => host.endpoint.locality)) {
    const chosen = fitByLocality.get(locality);
    if (chosen === undefined || members[0] === undefined) continue;
    const total = members.filter((host) => !host.isExcluded).length;
    const weight = scope.localityWeightOf(members[0]) * Math.min(1, (scope.overprovisioning * chosen.length) / total);
    if (weight > 0) groups.push({ weight, balancer: policy.create(chosen, scope) });
  }
  if (groups.length === 0) return undefined;
  const schedule = createSchedule(groups, (group) => group.weight, scope.random);
  return (hash, attempt) => schedule.next().balancer.pick(hash, attempt);
}
