import type { LoadBalancerFactory } from './load-balancer.ts';
import { hasEqualWeights, hostAt } from './load-balancer.ts';
import { createSchedule } from './edf.ts';

/** Each host in turn; where weights differ, in proportion to them. Envoy: ROUND_ROBIN. */
export const roundRobin: LoadBalancerFactory = (hosts, random) => {
  if (!hasEqualWeights(hosts)) {
    const schedule = createSchedule(hosts, (host) => host.weight, random);
    return { pick: () => schedule.next() };
  }
  let next = Math.floor(random() * hosts.length);
  return {
    pick() {
      if (next >= hosts.length) next = 0;
      return hostAt(hosts, next++);
    },
  };
};
