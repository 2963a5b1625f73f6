/** What balancers need of a proxy, for tests. */
import type { Clock } from '../../../core/clock.ts';
import { createStats } from '../../telemetry/registry.ts';
import { type BalancerScope, buildPicker } from '../balancer.ts';
import type { Host, PickContext } from '../cluster.ts';
import type { ClusterHost } from '../host.ts';
import type { PolicyScope } from '../lb/load-balancer.ts';
import type { PickerFactory } from '../lb/picker.ts';
import { seededRandom } from './fake-hosts.ts';

/** A clock that stands until it is set. */
export interface FakeClock extends Clock {
  nowMs: number;
}

export function fakeClock(): FakeClock {
  return {
    nowMs: 0,
    monotonicMs() {
      return this.nowMs;
    },
    wallMs() {
      return this.nowMs;
    },
  };
}

/** The scope of a policy over `hosts`. */
export function policyScope(seed: number, hosts: readonly Host[] = [], clock: Clock = fakeClock()): PolicyScope {
  return { random: seededRandom(seed), clock, activeRequests: () => hosts.reduce((sum, host) => sum + host.activeRequests, 0) };
}

/** A pick without any wishes. */
export const PLAIN_PICK: PickContext = { hash: undefined, avoid: [], avoidAttempts: 1, originalDestination: undefined };

/** What a picker over `hosts` is built with; `scope` changes parts of it. */
export interface PickerChoices extends Partial<BalancerScope> {
  readonly panicThreshold?: number;
  readonly overprovisioning?: number;
}

/** Counts how often each of `hosts` is chosen in `picks` picks; the last number counts picks without a host. */
export function countPicks(
  build: PickerFactory,
  hosts: readonly ClusterHost[],
  picks: number,
  { panicThreshold = 50, overprovisioning = 1.4, ...scope }: PickerChoices = {},
  context: PickContext = PLAIN_PICK,
): number[] {
  const pick = buildPicker(
    hosts,
    overprovisioning,
    { build, panicThreshold },
    {
      random: seededRandom(5),
      clock: fakeClock(),
      stats: createStats(),
      ...scope,
    },
  );
  const counts = new Map<Host | undefined, number>();
  for (let i = 0; i < picks; i++) {
    const host = pick(context, 0);
    counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return [...hosts, undefined].map((host) => counts.get(host) ?? 0);
}
