import type { Random } from '../../../core/clock.ts';
import type { Host } from '../cluster.ts';
import { createSchedule } from './edf.ts';
import { hasEqualWeights, hostAt, type LoadBalancer, type Policy, type PolicyScope } from './load-balancer.ts';
import { type SlowStart, slowStartFactor, slowStartWatch } from './slow-start.ts';

/** How least request chooses. Envoy: LeastRequest. */
export interface LeastRequestSettings {
  /** Hosts compared for a choice; 'all' for every one (FULL_SCAN). */
  readonly choices: number | 'all';
  /** How much active requests lower a host's weight where weights differ: 0 not at all, 1 in proportion. */
  readonly bias: number;
  readonly slowStart?: SlowStart | undefined;
}

/** The least busy of `count` hosts chosen at random: two are enough to avoid the herd. */
function fewChoices(hosts: readonly Host[], random: Random, count: number): LoadBalancer {
  return {
    pick() {
      let best: Host = hostAt(hosts, Math.floor(random() * hosts.length));
      for (let i = 1; i < count; i++) {
        const other = hostAt(hosts, Math.floor(random() * hosts.length));
        if (other.activeRequests < best.activeRequests) best = other;
      }
      return best;
    },
  };
}

/** The least busy of all, any of those that are equally so. */
function fullScan(hosts: readonly Host[], random: Random): LoadBalancer {
  return {
    pick() {
      let best: Host = hostAt(hosts, 0);
      let ties = 1;
      for (let i = 1; i < hosts.length; i++) {
        const other = hostAt(hosts, i);
        if (other.activeRequests > best.activeRequests) continue;
        if (other.activeRequests < best.activeRequests) ties = 0;
        // the last of n equal ones takes the place with a chance of 1 / n, and so all have the same
        if (random() * ++ties < 1) best = other;
      }
      return best;
    },
  };
}

function unweighted(hosts: readonly Host[], random: Random, choices: number | 'all'): LoadBalancer {
  return choices === 'all' ? fullScan(hosts, random) : fewChoices(hosts, random, choices);
}

/** In turn by weight / (active requests + 1) ^ bias, as Envoy does. */
function weighted(hosts: readonly Host[], scope: PolicyScope, { bias, slowStart }: LeastRequestSettings): LoadBalancer {
  const weigh = (host: Host): number => host.weight / (bias === 1 ? host.activeRequests + 1 : (host.activeRequests + 1) ** bias);
  const { clock, random } = scope;
  const slowed = (slow: SlowStart) => (host: Host) => weigh(host) * slowStartFactor(slow, host, clock.monotonicMs());
  const schedule = createSchedule(hosts, slowStart === undefined ? weigh : slowed(slowStart), random);
  return { pick: () => schedule.next() };
}

/** The less busy hosts; where weights differ, or hosts are in slow start, in turn by weight and load. Envoy: LEAST_REQUEST. */
export function leastRequest(settings: LeastRequestSettings = { choices: 2, bias: 1 }): Policy {
  const { choices, slowStart } = settings;
  return {
    isHashing: false,
    create(hosts, scope) {
      if (!hasEqualWeights(hosts)) return weighted(hosts, scope, settings);
      const plain = unweighted(hosts, scope.random, choices);
      if (slowStart === undefined) return plain;
      const isSlow = slowStartWatch(slowStart, hosts, scope.clock);
      const slowed = weighted(hosts, scope, settings);
      return { pick: (hash, attempt) => (isSlow() ? slowed : plain).pick(hash, attempt) };
    },
  };
}
