import type { Host } from '../cluster.ts';
import type { Hash64 } from './hash64.ts';
import { hostAt, type PolicyScope } from './load-balancer.ts';
import { mersenneTwister } from './mersenne-twister.ts';

/** A consistent hash: the host of a key. */
export type Choose = (hash: Hash64, attempt: number) => Host;

/** A whole number below `limit`, evenly, of 32 random bits. */
function below(next: () => number, limit: number): number {
  const share = Math.floor(0x1_0000_0000 / limit);
  for (;;) {
    const value = Math.floor(next() / share);
    if (value < limit) return value;
  }
}

/**
 * Consistent hashing with bounded loads (https://arxiv.org/abs/1608.01350): a host gets at most `factor` per cent of the
 * average of requests under way; what is more goes to another host, found in an order that depends on the hash alone
 * (https://arxiv.org/abs/1908.08762), as Envoy finds it. Costs time in proportion to the number of hosts.
 */
export function boundLoad(choose: Choose, hosts: readonly Host[], weights: readonly number[], factor: number, scope: PolicyScope): Choose {
  const weightOf = new Map(hosts.map((host, i) => [host, weights[i] ?? 0]));

  const overload = (host: Host, slots: number): number => host.activeRequests / Math.max(1, Math.ceil(slots * (weightOf.get(host) ?? 0)));

  /** The first that is not overloaded, in the order of the hash; else the least overloaded one. */
  function another(hash: Hash64, first: Host, slots: number): Host {
    const next = mersenneTwister(hash.low);
    const order = Uint32Array.from(hosts.keys());
    let least = first;
    let leastOverload = overload(first, slots);
    for (let i = 0; i < order.length; i++) {
      const from = i + below(next, order.length - i);
      const chosen = order[from] ?? 0;
      order[from] = order[i] ?? 0;
      order[i] = chosen;
      const host = hostAt(hosts, chosen);
      if (host === first) continue;
      const own = overload(host, slots);
      if (own <= 1) return host;
      if (own < leastOverload) {
        least = host;
        leastOverload = own;
      }
    }
    return least;
  }

  return (hash, attempt) => {
    const first = choose(hash, attempt);
    const slots = Math.floor(((scope.activeRequests() + 1) * factor + 99) / 100);
    return overload(first, slots) <= 1 ? first : another(hash, first, slots);
  };
}
