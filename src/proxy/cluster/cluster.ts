import type { CertificateFacts } from '../tls/certificate-facts.ts';
import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import type { NetAddress } from '../../net/address.ts';
import type { HeaderMap, ResponseHead } from '../../wire/http/message.ts';
import type { SharedState } from '../http/shared-state.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { DnsCaches } from './dns/dns-caches.ts';
import type { HttpSettings } from './http-options.ts';
import type { Level } from './priority-load.ts';
import type { Hash64 } from './lb/hash64.ts';
import type { RequestWindow } from './request-window.ts';
import type { RetryRate } from './retry-rate.ts';
import type { Counter, Gauge, StatsScope } from '../telemetry/stats.ts';

/** What one attempt at a host came to, as outlier detection counts it. */
export type Outcome =
  | { readonly kind: 'status'; readonly status: number }
  /** No connection, TLS failure, reset or timeout: errors that the upstream did not answer with a status. */
  | { readonly kind: 'local-origin-failure'; readonly cause: 'connect-failure' | 'connect-timeout' | 'timeout' | 'reset' };

/** One endpoint of a cluster. Fields are read on the hot path. */
export interface Host {
  readonly address: NetAddress;
  /** All of its addresses in the order in which they are tried, `address` among them; undefined where that is the only one. */
  readonly addresses?: readonly NetAddress[] | undefined;
  /** `10.0.0.1:80`: unique in its cluster. */
  readonly key: string;
  readonly hostname: string;
  /** Whose it is: the member of an aggregate cluster that it was picked of; absent: the cluster that picked it. */
  readonly cluster?: Cluster | undefined;
  weight: number;
  /** Its level among the priorities of its cluster, 0 being the first; absent for 0. */
  readonly priority?: number;
  /** False while it is ejected, unhealthy by EDS, failing active checks, or tripped. True also where it is degraded. */
  isHealthy: boolean;
  /** `region/zone/sub_zone`; absent in tests. */
  readonly locality?: string;
  /** Healthy, but to be used only when too few others are left; absent: no. */
  readonly isDegraded?: boolean;
  /** `Clock.monotonicMs` since which it is healthy without a break; absent: for ever. */
  readonly healthySinceMs?: number;
  /** It has left its cluster: nobody chooses it any more, what it carries goes on. */
  isDraining: boolean;
  activeRequests: number;
  activeConnections: number;
  /** `filter_metadata` of the endpoint. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Which transport socket of the cluster matches it. */
  readonly transport: Transport;
  readonly requestsTotal: Counter;
  /** Where the HTTP pools of this host live; made by the pool. */
  pool: unknown;
  /** Tells outlier detection how an attempt ended. `turn`: the host's when the attempt began; absent: as it is now. */
  report(outcome: Outcome, turn?: number): void;
  /** Counts changes of mind about it, so that attempts from before one can be told from those after. */
  readonly turn?: number;
  /** Set by whoever lets single requests through: an attempt at it begins. */
  onAttempt?: (() => void) | undefined;
  /** Set by whoever judges the host by the ends of its responses. */
  onEnd?: ((trailers: HeaderMap | undefined, turn: number) => void) | undefined;
  /**
   * Set by a balancing policy that goes by response times: told how long after a request its response's head came, or
   * how long connecting took for bytes, and when (`Clock.monotonicMs`).
   */
  observe?: ((elapsedMs: number, nowMs: number) => void) | undefined;
  /** Set by whoever judges the host by what stands in the heads of its responses. */
  onHead?: ((head: ResponseHead) => void) | undefined;
  /** What speaks against it, by the names of Envoy's health flags; absent or empty: nothing. */
  readonly healthFlags?: readonly string[];
}

/** What a TLS handshake with a host came to. */
export interface UpstreamTls {
  /** The protocol that the peer has chosen; '' where it chose none. */
  readonly alpn: string;
  /** URI subject alternative names of the peer's certificate. */
  readonly uriSans: readonly string[];
  /** Those of our own. */
  readonly localUriSans: readonly string[];
  /** The peer's certificate; absent where it has shown none. */
  readonly certificate?: CertificateFacts | undefined;
  /** Our own. */
  readonly local?: CertificateFacts | undefined;
  /** `TLSv1.3`, ... */
  readonly protocol?: string;
  readonly cipher?: string;
  readonly group?: string;
}

/** Who connects. `tls` is undefined without TLS. */
export type TransportHandlers = ConnectionHandlers & { onConnect(connection: Connection, tls?: UpstreamTls): void };

/**
 * How bytes get to a host: plain TCP, or TLS with its context. It counts the cluster's `ssl.*`;
 * `upstream_cx_*`, `Limits.connections` and `Host.activeConnections` are the caller's to count.
 */
export interface Transport {
  readonly isTls: boolean;
  /** Connections take shared filter state along: those for different state are different ones. */
  readonly passesState?: boolean | undefined;
  /** Starts connecting. `onConnect` runs once usable; `onClose` of `handlers` tells failures too. */
  connect(host: Host, options: ConnectOptions, handlers: TransportHandlers): void;
}

export interface ConnectOptions {
  readonly timeoutMs: number;
  /** Which of the host's addresses to connect to; absent: `Host.address`. */
  readonly address?: NetAddress;
  /** Protocols to offer where the context names none (Envoy: application protocol fallback). */
  readonly alpnFallback?: readonly string[];
  /** Protocols to offer whatever the context names. */
  readonly alpn?: readonly string[];
  /** HTTP/2 is not offered, whatever the context says: for what only HTTP/1.1 carries. */
  readonly isHttp1Only?: boolean;
  readonly sni?: string;
  /** What is sent before all else, TLS included, given both ends of the connection. */
  readonly preface?: (local: NetAddress, remote: NetAddress) => Uint8Array;
  /** Source address to bind, e.g. 127.0.0.6 for inbound passthrough. */
  readonly bind?: string | undefined;
  /** The request or connection that it is for, whose shared filter state an internal upstream passes on; absent where many share it. */
  readonly info?: StreamInfo;
  /** Filter state to pass on where there is no `info`. */
  readonly shared?: SharedState | undefined;
}

export interface PickContext {
  /** Hash for consistent-hash policies. */
  readonly hash: Hash64 | undefined;
  /** Hosts already tried by this request, to be avoided. */
  readonly avoid: readonly Host[];
  readonly avoidAttempts: number;
  /** Hosts to be avoided besides. */
  readonly omits?: (host: Host) => boolean;
  /**
   * Priorities to be left out, given those that have usable hosts. `levelOf`: the priority of a host where that is not its
   * own (an aggregate cluster has those of several clusters in a row).
   */
  readonly excludedLevels?: ((available: readonly number[], levelOf?: (host: Host) => number) => ReadonlySet<number>) | undefined;
  /** Where the client wanted to go, for ORIGINAL_DST. */
  readonly originalDestination: NetAddress | undefined;
  /** Hosts (`Host.key`) to be taken before any other, where they are healthy; with `isStrict` none but them. */
  readonly override?: { readonly keys: readonly string[]; readonly isStrict: boolean } | undefined;
  /** The request or connection, for clusters that make hosts by what it says; absent where nobody's is behind the pick. */
  readonly info?: StreamInfo | undefined;
  /** Endpoint metadata under `envoy.lb` that the route and filters ask for: subsets. */
  readonly criteria?: Readonly<Record<string, unknown>> | undefined;
}

/** Share of requests that may be retries, with a floor: of those under way, or of those that began lately. */
export interface RetryBudget {
  readonly fraction: number;
  readonly minConcurrency: number;
  /** Counts those that began lately; absent: those under way count. */
  readonly recent?: RequestWindow;
}

/** Counts with caps: circuit breakers of one priority. Infinity where there is no cap. */
export interface Limits {
  /** Those of high priority, with the default ones; absent in those themselves. See `limitsFor`. */
  readonly high?: Limits;
  readonly maxConnections: number;
  /** Of one host; absent: no cap. */
  readonly maxConnectionsPerHost?: number;
  /** HTTP pools, of all hosts together. */
  readonly maxPools: number;
  readonly pools: Gauge;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
  /** Undefined: `maxRetries` decides. */
  readonly retryBudget: RetryBudget | undefined;
  /** A budget by rate besides, for all priorities; undefined: none. */
  readonly retryRate?: RetryRate | undefined;
  readonly connections: Gauge;
  readonly pending: Gauge;
  readonly requests: Gauge;
  readonly retries: Gauge;
}

/** What there is of each priority of a cluster, for those that balance over clusters. */
export interface Priorities {
  /** Changes whenever hosts or their health do. */
  readonly version: number;
  counts(): readonly (Level & { readonly priority: number })[];
}

/** Where a cluster of dynamic hosts has them from. */
export interface DynamicNames {
  /** For names without a port. */
  readonly defaultPort: number;
  /**
   * Asks for the name that a request or connection is for. True: it is known, or there is none to ask for; otherwise
   * `onKnown` is called once it is, be it that it has no address.
   */
  whenKnown(info: StreamInfo, onKnown: () => void): boolean;
  /** Why that name has no address; '' where it has one, or is not known. */
  failureOf(info: StreamInfo): string;
}

export interface Cluster {
  readonly name: string;
  /** `filter_metadata` of the cluster by namespace. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly connectTimeoutMs: number;
  readonly limits: Limits;
  readonly http: HttpSettings;
  /** Source addresses to choose from, by `sourceTo`; none for any. */
  readonly sourceAddresses: readonly string[];
  readonly stats: StatsScope;
  readonly hosts: readonly Host[];
  /** Another number whenever hosts or their health have changed; absent where nobody may ask. */
  readonly hostsVersion?: number;
  readonly priorities?: Priorities;
  /** Undefined for clusters whose hosts are not made of the names of requests. */
  readonly dynamicNames?: DynamicNames | undefined;
  /** Share of requests, in [0, 1], that are refused because the server of EDS says so; absent or 0: none. */
  readonly dropShare?: number | undefined;
  /** A host for one attempt, or undefined: no healthy upstream (UH). */
  pick(context: PickContext): Host | undefined;
  /** True once its endpoints (and secrets) have arrived for the first time. */
  readonly isWarm: boolean;
}

export interface ClusterManager {
  /** Names that dynamic hosts are made of; absent where there are none (tests). */
  readonly dnsCaches?: DnsCaches;
  /** The cluster in force, or undefined (NC). */
  get(name: string): Cluster | undefined;
  /**
   * Asks for a cluster that is not there: calls back once with it when it has arrived, or with undefined when the
   * server says that there is none or `timeoutMs` has passed.
   */
  request(name: string, timeoutMs: number, callback: (cluster: Cluster | undefined) => void): void;
  forEach(visit: (cluster: Cluster) => void): void;
  /** The proxy's own zone, by which answers are counted; absent: none is known. */
  readonly ownZone?: string;
  /** How long traffic waits for a cluster whatever its filters say, in milliseconds; absent or 0: not at all. */
  readonly onDemandMs?: number;
}
