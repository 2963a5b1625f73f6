import type { Clock, Random } from '../../core/clock.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import type { ClusterHost } from './host.ts';
import type { AllowsOverride } from './lb/override-status.ts';
import type { LocalZone, Picker, PickerFactory } from './lb/picker.ts';
import { panicThresholdNow } from './priority-load.ts';

export type { Picker } from './lb/picker.ts';

/** How a cluster balances: what its configuration says, read and checked. */
export interface BalancerSettings {
  readonly build: PickerFactory;
  /** Share of usable hosts, per cent, below which all are used. */
  readonly panicThreshold: number;
  /** Tells whether a session may go to the host that it is bound to. */
  readonly allowsOverride: AllowsOverride;
}

/** What balancing may use of the running proxy. */
export interface BalancerScope {
  readonly random: Random;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** The cluster's. */
  readonly stats: StatsScope;
  /** Absent where the proxy has no local cluster. */
  readonly zone?: LocalZone | undefined;
}

/** Prepares choosing among `hosts` as they are now; to be built anew when any of them changes. */
export function buildPicker(
  hosts: readonly ClusterHost[],
  overprovisioning: number,
  { build, panicThreshold }: Omit<BalancerSettings, 'allowsOverride'>,
  { random, clock, stats, zone }: BalancerScope,
): Picker {
  return build(hosts, {
    random,
    clock,
    stats,
    zone,
    panicThreshold: panicThresholdNow(panicThreshold),
    overprovisioning,
    localityWeightOf: (host) => host.endpoint.localityWeight,
    activeRequests: () => hosts.reduce((sum, host) => sum + host.activeRequests, 0),
  });
}
