/** What the admin interface may see and do of a running proxy; the proxy's main part implements it. */
import type { DescMessage, Message } from '@bufbuild/protobuf';
import type { LeveledLog } from '../../core/log.ts';
import type { NetAddress } from '../../net/address.ts';
import type { ClusterManager } from '../cluster/cluster.ts';
import type { KeyPair, TrustBundle } from '../config/secret-store.ts';
import type { LocalNode } from '../http/filter.ts';
import type { CertificateUse } from '../tls/certificate-uses.ts';
import type { StatsReader } from '../telemetry/registry.ts';

/** Envoy's server states. */
export type ServerState = 'PRE_INITIALIZING' | 'INITIALIZING' | 'LIVE' | 'DRAINING';

/** A resource of the configuration as it arrived. */
export interface ConfigResource {
  readonly name: string;
  /** `type.googleapis.com/envoy.config.cluster.v3.Cluster`, ... */
  readonly typeUrl: string;
  readonly version: string;
  readonly schema: DescMessage;
  readonly message: Message;
  /** Unix milliseconds. */
  readonly updatedMs: number;
  /** From the bootstrap file, not from a server. */
  readonly isStatic: boolean;
  /** In force; waiting for what it needs; refused, with the former version still in force. */
  readonly state: 'active' | 'warming' | 'refused';
  /** Why it was refused; '' else. */
  readonly error: string;
}

export interface ListenerStatus {
  readonly name: string;
  /** Addresses it is bound to, with the ports that the kernel gave. */
  readonly addresses: readonly NetAddress[];
}

export interface SecretStatus {
  readonly name: string;
  readonly keyPair: KeyPair | undefined;
  readonly trust: TrustBundle | undefined;
}

/** Connections and requests of a host, and what speaks against it. */
export interface HostCounts {
  readonly activeConnections: number;
  readonly activeRequests: number;
  readonly requestsTotal: number;
  readonly healthFlags: readonly string[];
}

export interface AdminView {
  readonly version: string;
  readonly node: LocalNode;
  /** Unix milliseconds. */
  readonly startedMs: number;
  /** Of all event loops together. */
  readonly stats: StatsReader;
  readonly clusters: ClusterManager;
  /** The process's log, whose level can be turned. */
  readonly log: LeveledLog;
  state(): ServerState;
  /** The bootstrap message. */
  bootstrap(): Pick<ConfigResource, 'schema' | 'message' | 'updatedMs'> | undefined;
  /** Every resource known, those refused too. */
  resources(): Iterable<ConfigResource>;
  listeners(): readonly ListenerStatus[];
  secrets(): readonly SecretStatus[];
  /** Certificates in use, by who uses them. */
  certificates(): readonly CertificateUse[];
  /** The workload says that it is healthy, or not: told to the control plane, and to `/ready`. */
  setHealth(isHealthy: boolean): void;
  /** Stops accepting; with `isGraceful` answers ask clients to leave first. */
  drainListeners(options: { readonly isInboundOnly: boolean; readonly isGraceful: boolean }): void;
  /** Learns what other event loops have counted; absent where there are none. */
  refresh?(): Promise<void>;
  /** What other event loops count of a host besides the one in `clusters`. */
  otherCounts(cluster: string, hostKey: string): HostCounts;
  /** Passes the listening sockets on to the process that listens at `socketPath`; why that is refused, or undefined. */
  handOver(socketPath: string): string | undefined;
  /** Opens access log files anew. */
  reopenLogs(): void;
  /** Lets an event loop besides the main one die, to see that it is replaced. */
  crashLoop(loop: number): void;
  /** Ends the process after the answer has gone out. */
  quit(): void;
}
