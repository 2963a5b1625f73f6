import type { LabelSelector } from './match.ts';
import type { Provenance } from './provenance.ts';

export type SimpleBalancer = 'LEAST_REQUEST' | 'ROUND_ROBIN' | 'RANDOM' | 'PASSTHROUGH';

export type HashKey =
  | { readonly kind: 'header'; readonly name: string }
  /** `ttlMs` undefined: only a cookie that the client sends counts; 0: a session cookie is made. */
  | { readonly kind: 'cookie'; readonly name: string; readonly path: string; readonly ttlMs: number | undefined }
  | { readonly kind: 'source-ip' }
  | { readonly kind: 'query'; readonly name: string };

export type LoadBalancer =
  | { readonly kind: 'simple'; readonly policy: SimpleBalancer; readonly warmupMs: number | undefined }
  | { readonly kind: 'consistent-hash'; readonly key: HashKey; readonly algorithm: 'ring-hash' | 'maglev'; readonly size: number };

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

export interface ClientTls {
  readonly mode: 'DISABLE' | 'SIMPLE' | 'MUTUAL' | 'ISTIO_MUTUAL';
  readonly clientCertificate: string;
  readonly privateKey: string;
  readonly caCertificates: string;
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
  readonly retryBudget: { readonly percent: number; readonly minRetryConcurrency: number } | undefined;
  /** By service port number; blocks not given there take the mesh's defaults, not the policy's. */
  readonly ports: ReadonlyMap<number, TrafficPolicy>;
  readonly origin: Provenance;
}

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
