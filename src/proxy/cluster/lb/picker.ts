/** The seam between a cluster and its balancing: policies of whole clusters (levels, subsets, override) build pickers. */
import type { Clock, Random } from '../../../core/clock.ts';
import type { StatsScope } from '../../telemetry/stats.ts';
import type { Host, PickContext } from '../cluster.ts';
import type { ClusterHost } from '../host.ts';

/**
 * Chooses a host over priorities and localities; undefined where there is nobody to choose. `attempt` counts the choices
 * already refused for the same pick.
 */
export type Picker = (context: PickContext, attempt: number) => Host | undefined;

/** Where this proxy stands, for zone-aware routing. */
export interface LocalZone {
  /** `region/zone/sub_zone` of the proxy's own node. */
  readonly locality: string;
  /** Hosts of the cluster that the proxy itself is one of (`cluster_manager.local_cluster_name`); empty while it is not there. */
  hosts(): readonly ClusterHost[];
  /** Changes whenever those hosts or their health do. */
  version(): number;
}

/** What pickers are built with. */
export interface PickScope {
  readonly random: Random;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** The cluster's. */
  readonly stats: StatsScope;
  /** `overprovisioning_factor` as a fraction: 1.4 says that 72% of the hosts can carry all traffic. */
  readonly overprovisioning: number;
  /** Share of usable hosts, per cent, below which all are used. */
  readonly panicThreshold: number;
  /** Undefined where the proxy has no local cluster. */
  readonly zone: LocalZone | undefined;
  /** Weight of a host's locality; 0 where it has none. */
  localityWeightOf(host: ClusterHost): number;
  /** Requests that the whole cluster has under way. */
  activeRequests(): number;
}

/** Prepares choosing among `hosts` as they are now; to be called anew when any of them changes. */
export type PickerFactory = (hosts: readonly ClusterHost[], scope: PickScope) => Picker;
