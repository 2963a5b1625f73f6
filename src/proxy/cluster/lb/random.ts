import type { LoadBalancerFactory } from './load-balancer.ts';
import { hostAt } from './load-balancer.ts';

/** Any host with equal chance; weights are not looked at, as in Envoy. Envoy: RANDOM. */
export const randomChoice: LoadBalancerFactory = (hosts, random) => ({
  pick: () => hostAt(hosts, Math.floor(random() * hosts.length)),
});
