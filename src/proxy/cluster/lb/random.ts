import { hostAt, type Policy } from './load-balancer.ts';

/** Any host with equal chance; weights are not looked at, as in Envoy. Envoy: RANDOM. */
export const randomChoice: Policy = {
  isHashing: false,
  create: (hosts, { random }) => ({ pick: () => hostAt(hosts, Math.floor(random() * hosts.length)) }),
};
