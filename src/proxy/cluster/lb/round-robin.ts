import type { Host } from '../cluster.ts';
import { createSchedule, type Schedule } from './edf.ts';
import { hasEqualWeights, hostAt, type LoadBalancer, type Policy, type PolicyScope } from './load-balancer.ts';
import { type SlowStart, slowStartFactor, slowStartWatch } from './slow-start.ts';

/** Each host in turn, beginning anywhere. */
function turns(hosts: readonly Host[], random: () => number): LoadBalancer {
  let next = Math.floor(random() * hosts.length);
  return {
    pick() {
      if (next >= hosts.length) next = 0;
      return hostAt(hosts, next++);
    },
  };
}

function scheduled(schedule: Schedule<Host>): LoadBalancer {
  return { pick: () => schedule.next() };
}

function slowStarted(slow: SlowStart, hosts: readonly Host[], scope: PolicyScope): LoadBalancer {
  const { random, clock } = scope;
  const isSlow = slowStartWatch(slow, hosts, clock);
  const schedule = createSchedule(hosts, (host) => host.weight * slowStartFactor(slow, host, clock.monotonicMs()), random);
  const later = hasEqualWeights(hosts) ? turns(hosts, random) : scheduled(schedule);
  return { pick: (hash, attempt) => (isSlow() ? schedule.next() : later.pick(hash, attempt)) };
}

/** Each host in turn; where weights differ, or hosts are in slow start, in proportion to them. Envoy: ROUND_ROBIN. */
export function roundRobin(slow?: SlowStart): Policy {
  return {
    isHashing: false,
    create(hosts, scope) {
      if (slow !== undefined) return slowStarted(slow, hosts, scope);
      if (hasEqualWeights(hosts)) return turns(hosts, scope.random);
      return scheduled(createSchedule(hosts, (host) => host.weight, scope.random));
    },
  };
}
