import type { LabelSelector } from './match.ts';
import type { Provenance } from './provenance.ts';

/** Istio's policies without settings. */
export type SimpleBalancer = 'LEAST_REQUEST' | 'ROUND_ROBIN' | 'RANDOM' | 'PASSTHROUGH';

/** What a request is hashed by. */
export type HashKey =
  | { readonly kind: 'header'; readonly name: string }
  /** `ttlMs` undefined: only a cookie that the client sends counts; 0: a session cookie is made. */
  | {
      readonly kind: 'cookie';
      readonly name: string;
      readonly path: string;
      readonly ttlMs: number | undefined;
      readonly attributes: readonly (readonly [name: string, value: string])[];
    }
  | { readonly kind: 'source-ip' }
  | { readonly kind: 'query'; readonly name: string };

/** How new endpoints come to their share. */
export interface Warmup {
  readonly durationMs: number;
  /** Share of an endpoint's weight that it begins with, in percent. */
  readonly minimumPercent: number;
  /** 1 grows evenly, more grows faster at first. */
  readonly aggression: number;
}

/** Which endpoints are preferred by where, or what, they are; at most one of the lists is not empty. */
export interface LocalityPreference {
  readonly isEnabled: boolean;
  /** Shares of localities for clients of `from`; both may end in `*`. */
  readonly distribute: readonly { readonly from: string; readonly to: readonly (readonly [locality: string, share: number])[] }[];
  /** The region that takes over for another. */
  readonly failover: readonly { readonly from: string; readonly to: string }[];
  /** Labels that nearer endpoints share with the client, `key` or `key=value`, the weightiest first. */
  readonly failoverPriority: readonly string[];
}

interface AnyLoadBalancer {
  /** Undefined: the mesh's. */
  readonly locality: LocalityPreference | undefined;
}

/** How endpoints are chosen. */
export type LoadBalancer = AnyLoadBalancer &
  (
    | { readonly kind: 'simple'; readonly policy: SimpleBalancer; readonly warmup: Warmup | undefined }
    | { readonly kind: 'consistent-hash'; readonly key: HashKey; readonly algorithm: 'ring-hash' | 'maglev'; readonly size: number }
  );

/** TCP through an HTTP proxy, which is asked to connect to the target. */
export interface Tunnel {
  readonly method: 'CONNECT' | 'POST';
  readonly host: string;
  readonly port: number;
}

/** Limits of connections and requests. */
export interface ConnectionPool {
  readonly maxConnections: number | undefined;
  readonly connectTimeoutMs: number | undefined;
  readonly tcpKeepalive:
    | { readonly probes: number | undefined; readonly timeMs: number | undefined; readonly intervalMs: number | undefined }
    | undefined;
  readonly maxConnectionDurationMs: number | undefined;
  readonly tcpIdleTimeoutMs: number | undefined;
  readonly http1MaxPendingRequests: number | undefined;
  readonly http2MaxRequests: number | undefined;
  readonly maxRequestsPerConnection: number | undefined;
  readonly maxRetries: number | undefined;
  readonly httpIdleTimeoutMs: number | undefined;
  readonly h2UpgradePolicy: 'DEFAULT' | 'DO_NOT_UPGRADE' | 'UPGRADE';
  readonly useClientProtocol: boolean;
  readonly maxConcurrentStreams: number | undefined;
  readonly http2KeepAlive: { readonly intervalMs: number | undefined; readonly timeoutMs: number } | undefined;
}

/** When an endpoint is left out. */
export interface OutlierDetection {
  /** 0 or undefined as written: undefined takes the default 5, 0 turns it off. */
  readonly consecutive5xxErrors: number | undefined;
  readonly consecutiveGatewayErrors: number | undefined;
  readonly splitExternalLocalOriginErrors: boolean;
  readonly consecutiveLocalOriginFailures: number | undefined;
  readonly intervalMs: number;
  readonly baseEjectionTimeMs: number;
  readonly maxEjectionPercent: number;
  readonly minHealthPercent: number;
}

/** How connections to a destination are secured. */
export interface ClientTls {
  readonly mode: 'DISABLE' | 'SIMPLE' | 'MUTUAL' | 'ISTIO_MUTUAL';
  readonly clientCertificate: string;
  readonly privateKey: string;
  readonly caCertificates: string;
  /** File with revoked certificates; '' for none. */
  readonly caCrl: string;
  readonly credentialName: string;
  readonly subjectAltNames: readonly string[];
  readonly sni: string;
  readonly insecureSkipVerify: boolean;
}

/** Blocks of a trafficPolicy as written; an absent block is inherited as Istio says. */
export interface TrafficPolicy {
  readonly loadBalancer: LoadBalancer | undefined;
  readonly connectionPool: ConnectionPool | undefined;
  readonly outlierDetection: OutlierDetection | undefined;
  readonly tls: ClientTls | undefined;
  readonly retryBudget:
    | {
        readonly percent: number;
        readonly minRetryConcurrency: number;
        /** Span over which requests count; undefined: those under way do. */
        readonly intervalMs?: number | undefined;
      }
    | undefined;
  /** PROXY protocol header that goes before everything else. */
  readonly proxyProtocol?: 'V1' | 'V2' | undefined;
  readonly tunnel?: Tunnel | undefined;
  /** By service port number; blocks not given there take the mesh's defaults, not the policy's. */
  readonly ports: ReadonlyMap<number, TrafficPolicy>;
  readonly origin: Provenance;
}

/** Some of a host's endpoints, by labels. */
export interface Subset {
  readonly name: string;
  readonly labels: LabelSelector;
  readonly policy: TrafficPolicy | undefined;
  readonly origin: Provenance;
}

/** How clients talk to a host: a DestinationRule. */
export interface DestinationPolicy {
  readonly name: string;
  readonly namespace: string;
  /** Fully qualified, or `*.x`. */
  readonly host: string;
  readonly exportTo: readonly string[];
  /** Client workloads of the same namespace that it applies to; empty: all. */
  readonly workloadSelector: LabelSelector;
  readonly policy: TrafficPolicy | undefined;
  readonly subsets: readonly Subset[];
  readonly createdAt: number;
  readonly origin: Provenance;
}
