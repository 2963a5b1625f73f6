import type { Random } from '../../../core/clock.ts';
import type { Host } from '../cluster.ts';

/** Chooses among hosts that were all judged fit to be chosen; rebuilt whenever their set or their weights change. */
export interface LoadBalancer {
  /**
   * A host for one attempt. `hash` is used by the consistent-hash policies alone, which choose at random without one;
   * `attempt` counts the choices already refused for the same request, so that a hash does not give the same host again.
   */
  pick(hash: number | undefined, attempt: number): Host;
}

/** Builds a balancer over at least one host. */
export type LoadBalancerFactory = (hosts: readonly Host[], random: Random) => LoadBalancer;

/** True where every host has the same weight, so that weights need no bookkeeping. */
export function hasEqualWeights(hosts: readonly Host[]): boolean {
  const first = hosts[0]?.weight;
  return hosts.every((host) => host.weight === first);
}

/** The element at `index`, for indexes that are in range by construction. */
export function hostAt(hosts: readonly Host[], index: number): Host {
  const host = hosts[index];
  if (host === undefined) throw new RangeError(`no host at ${index} of ${hosts.length}`);
  return host;
}
