import type { Host } from '../cluster.ts';
import { boundLoad, type Choose } from './bounded-load.ts';
import { randomHash } from './hash64.ts';
import { normalWeights } from './hash-keys.ts';
import type { Policy } from './load-balancer.ts';

/**
 * A policy that goes by keys, and takes one at random where a request has none. `prepare` makes the hash for hosts and
 * their weights; `balanceFactor` bounds what one host gets, 0: nothing does.
 */
export function hashingPolicy(balanceFactor: number, prepare: (hosts: readonly Host[], weights: readonly number[]) => Choose): Policy {
  return {
    isHashing: true,
    create(hosts, scope, given) {
      const weights = normalWeights(hosts, given);
      const choose = prepare(hosts, weights);
      const bounded = balanceFactor === 0 ? choose : boundLoad(choose, hosts, weights, balanceFactor, scope);
      return { pick: (hash, attempt) => bounded(hash ?? randomHash(scope.random), attempt) };
    },
  };
}
