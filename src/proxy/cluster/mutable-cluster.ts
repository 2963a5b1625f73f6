import type { Clock, Random } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { ClusterLoadAssignment } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { SecretStore } from '../config/secret-store.ts';
import type { LocalNode } from '../http/filter.ts';
import type { LogSink } from '../telemetry/log-sink.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import type { Cluster, Host } from './cluster.ts';
import type { FindInternal } from './internal-dial.ts';
import type { LocalZone } from './lb/picker.ts';
import type { DnsCaches } from './dns/dns-caches.ts';
import type { NameResolver } from './dns/resolver.ts';

/** What clusters are built with: the parts of the running proxy that they may use. */
export interface ClusterScope {
  /** The registry's root; the cluster counts under `cluster.<name>`. */
  readonly stats: StatsScope;
  readonly clock: Clock;
  readonly random: Random;
  readonly secrets: SecretStore;
  readonly log: Log;
  /** Where events of health checks and outlier detection are written; absent: nowhere. */
  readonly logSink?: LogSink;
  /** Where ejections and their ends are written; absent: nowhere. */
  readonly outlierLog?: { write(line: string): void } | undefined;
  /** The system's where absent. */
  readonly resolver?: NameResolver;
  /** Finds the proxy's own internal listeners; absent: there are none. */
  readonly findInternal?: FindInternal;
  /** The proxy's own node, whose workload its filters tell of; absent in tests. */
  readonly node?: LocalNode;
  /** Where the proxy stands, for zone-aware routing; absent where it has no local cluster. */
  readonly zone?: LocalZone | undefined;
  /** Names that dynamic hosts are made of; absent: there are none. */
  readonly dnsCaches?: DnsCaches;
  /** Finds another cluster in force, for aggregate clusters; absent: there are none. */
  findCluster?(name: string): Cluster | undefined;
  /** Called for hosts whose connections are not to take further requests, though the host stays. */
  onHostFailed?(host: Host): void;
  /** Called once for each host that has left, or whose cluster has: its idle connections are to be closed. */
  onHostRemoved?(host: Host): void;
}

/** A cluster as its owner sees it. */
export interface MutableCluster extends Cluster {
  /** The name to ask EDS for; undefined for clusters of other types. */
  readonly edsName: string | undefined;
  /** Takes over a load assignment of EDS. Throws ConfigError, and keeps the former one, for one that cannot be used. */
  update(assignment: ClusterLoadAssignment): void;
  /** Calls back once when the cluster is warm; at once where it is. */
  onWarm(callback: () => void): void;
  /** It takes the place of `former`: hosts that both have are as old to slow start as they were there. */
  succeed(former: Cluster): void;
  /** Leaves: no timers, no statistics (kept where another cluster of that name counts on); connections that exist go on. */
  close(keepsStats?: boolean): void;
}
