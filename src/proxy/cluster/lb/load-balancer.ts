import type { Clock, Random } from '../../../core/clock.ts';
import type { Host } from '../cluster.ts';
import type { Hash64 } from './hash64.ts';

/** Chooses among hosts that were all judged fit to be chosen; rebuilt whenever their set or their weights change. */
export interface LoadBalancer {
  /**
   * A host for one attempt. `hash` is used by the consistent-hash policies alone, which choose at random without one;
   * `attempt` counts the choices already refused for the same request, so that a hash does not give the same host again.
   */
  pick(hash: Hash64 | undefined, attempt: number): Host;
}

/** What balancers may use of their cluster. */
export interface PolicyScope {
  readonly random: Random;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Requests that the whole cluster has under way. */
  activeRequests(): number;
}

/** How hosts are chosen: what a cluster's configuration says, read and checked. */
export interface Policy {
  /** Consistent hashing: the hash chooses the priority too, and localities have weights within one table. */
  readonly isHashing: boolean;
  /** Builds a balancer over at least one host. `weights`, where given, are to be used instead of the hosts' own. */
  create(hosts: readonly Host[], scope: PolicyScope, weights?: readonly number[]): LoadBalancer;
}

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
