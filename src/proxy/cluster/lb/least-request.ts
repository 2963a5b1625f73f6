import type { Host } from '../cluster.ts';
import type { LoadBalancerFactory } from './load-balancer.ts';
import { hasEqualWeights, hostAt } from './load-balancer.ts';
import { createSchedule } from './edf.ts';

/**
 * The least busy of `choiceCount` hosts chosen at random (two are enough to avoid the herd). Where weights differ:
 * in turn by weight / (active requests + 1), as Envoy does with `active_request_bias` 1. Envoy: LEAST_REQUEST.
 */
export function leastRequest(choiceCount: number): LoadBalancerFactory {
  return (hosts, random) => {
    if (!hasEqualWeights(hosts)) {
      const schedule = createSchedule(hosts, (host) => host.weight / (host.activeRequests + 1), random);
      return { pick: () => schedule.next() };
    }
    return {
      pick() {
        let best: Host = hostAt(hosts, Math.floor(random() * hosts.length));
        for (let i = 1; i < choiceCount; i++) {
          const other = hostAt(hosts, Math.floor(random() * hosts.length));
          if (other.activeRequests < best.activeRequests) best = other;
        }
        return best;
      },
    };
  };
}
