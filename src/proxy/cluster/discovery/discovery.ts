/** How a cluster comes by its hosts: one file a kind, behind what stands here. `index.ts` lists them. */
import type { Clock, Random } from '../../../core/clock.ts';
import type { Log } from '../../../core/log.ts';
import type {
  Cluster as ClusterProto,
  Cluster_DiscoveryType as DiscoveryType,
} from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { ClusterLoadAssignment } from '../../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { StatsScope } from '../../telemetry/stats.ts';
import type { Cluster, DynamicNames, Host, PickContext } from '../cluster.ts';
import type { Assignment, Endpoint } from '../endpoints.ts';
import type { ClusterHost } from '../host.ts';
import type { HttpSettings } from '../http-options.ts';
import type { DnsCaches } from '../dns/dns-caches.ts';
import type { NameResolver } from '../dns/resolver.ts';

/** What a kind of discovery may use of its cluster. */
export interface DiscoveryScope {
  readonly clusterName: string;
  /** The cluster's. */
  readonly stats: StatsScope;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly resolver: NameResolver;
  /** Absent where there are none (tests). */
  readonly dnsCaches?: DnsCaches;
  /** Its hosts are connected to by TLS, where their metadata does not say otherwise. */
  readonly isTls: boolean;
  /** Another cluster in force. */
  findCluster(name: string): Cluster | undefined;
  /** Those in the cluster now. */
  hosts(): readonly ClusterHost[];
  /** Replaces all endpoints; hosts whose address and transport stay are kept. From the first call on the cluster is warm. */
  assign(assignment: Assignment): void;
  /** Adds one host, for kinds whose picks make hosts. */
  add(endpoint: Endpoint): ClusterHost;
  remove(hosts: readonly ClusterHost[]): void;
}

/** The discovery of one running cluster. */
export interface Discovery {
  /** Begins; called once, when the cluster can take hosts. */
  start(): void;
  /** Takes over a load assignment of EDS. Throws ConfigError, and changes nothing, for one that cannot be used. */
  onEndpoints?(message: ClusterLoadAssignment): void;
  /** The host of one attempt, where hosts are made by picks; absent: the balancing policy chooses. */
  pick?(context: PickContext): Host | undefined;
  /** Where the names come from that it makes hosts of. */
  readonly dynamicNames?: DynamicNames;
  /** Ends timers and questions. */
  close(): void;
}

/** What a cluster's configuration asks for, read and checked. */
export interface DiscoveryPlan {
  /** The name to ask EDS for. */
  readonly edsName?: string | undefined;
  /** What it asks of HTTP besides what the cluster says. Throws ConfigError. */
  refineHttp?(http: HttpSettings): HttpSettings;
  create(scope: DiscoveryScope): Discovery;
}

export interface DiscoveryKind {
  /** Values of `type`. */
  readonly types: readonly DiscoveryType[];
  /** Names of `cluster_type`, where it has no `typed_config`. */
  readonly names: readonly string[];
  /** Messages of `cluster_type.typed_config`, by their full names. */
  readonly messages: readonly string[];
  /** True: it chooses hosts itself, so that `lb_policy` is CLUSTER_PROVIDED. */
  readonly picksHosts: boolean;
  /** Reads what it needs of a cluster; `path` is the cluster's. Throws ConfigError. */
  read(config: ClusterProto, path: string): DiscoveryPlan;
}
