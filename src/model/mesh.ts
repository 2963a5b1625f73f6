import type { ExtensionProvider } from './extension-provider.ts';
import type { EnvoyFilter } from './envoy-filter.ts';
import { DEFAULT_FLOW_SETTINGS, type FlowSettings } from './flow-settings.ts';
import type { Gateway } from './gateway.ts';
import type { KeySet } from './key-set.ts';
import type { LabelSelector } from './match.ts';
import { NO_PROXY_SETTINGS, type ProxyConfig, type ProxySettings } from './proxy-settings.ts';
import type { RolloutPolicy } from './rollout.ts';
import type { RetryPolicy, RouteSet } from './route.ts';
import type { TlsSecret } from './secret.ts';
import type { AuthorizationPolicy, PeerAuthentication, RequestAuthentication } from './security.ts';
import type { Service } from './service.ts';
import type { Sidecar } from './sidecar.ts';
import type { DefaultProviders, ProxyTelemetry, Telemetry } from './telemetry.ts';
import type { ConnectionPool, DestinationPolicy, LocalityPreference, OutlierDetection } from './traffic-policy.ts';
import type { Workload, WorkloadInstance } from './workload.ts';

type TcpKeepalive = NonNullable<ConnectionPool['tcpKeepalive']>;

/** What TLS is spoken with; empty lists leave it to proxies. */
export interface TlsDefaults {
  readonly minVersion: 'TLS_AUTO' | 'TLSV1_2' | 'TLSV1_3';
  readonly cipherSuites: readonly string[];
  readonly ecdhCurves: readonly string[];
}

/** Namespaces by their labels: all that is said must hold. */
export interface NamespaceSelector {
  readonly labels: LabelSelector;
  readonly expressions: readonly {
    readonly key: string;
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    readonly values: readonly string[];
  }[];
}

const TLS_DEFAULTS: TlsDefaults = { minVersion: 'TLS_AUTO', cipherSuites: [], ecdhCurves: [] };

/** Which requests access logs have where not all: a share, and every one of these. */
export interface LogSampling {
  /** Of the rest, in percent. */
  readonly percent: number;
  /** Responses with this status or a higher one, besides failures of proxies and of gRPC. */
  readonly errorsFrom: number;
  /** What lasts so long. */
  readonly slowerThanMs: number | undefined;
}

/** Mesh-wide settings with Istio's names and defaults. */
export interface MeshSettings {
  readonly trustDomain: string;
  /** Further ones, whose identities count as those of the trust domain. */
  readonly trustDomainAliases: readonly string[];
  readonly extensionProviders: readonly ExtensionProvider[];
  readonly rootNamespace: string;
  readonly domainSuffix: string;
  readonly outboundTrafficPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  readonly isAutoMtlsEnabled: boolean;
  readonly connectTimeoutMs: number;
  /** Where a DestinationRule does not say: DEFAULT leaves it to proxies, ours multiplexing by ALPN behind mTLS. */
  readonly h2UpgradePolicy: 'DEFAULT' | 'DO_NOT_UPGRADE' | 'UPGRADE';
  /** 0 waits for ever, as Istio does; ours is 5 s so that server-first protocols go on. */
  readonly protocolDetectionTimeoutMs: number;
  readonly pathNormalization: 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';
  /** '' is off; `/dev/stdout`. */
  readonly accessLogFile: string;
  readonly accessLogEncoding: 'TEXT' | 'JSON';
  readonly accessLogFormat: string;
  /** Istio's form of lines says at the end which resource decided, and where it is written. */
  readonly hasLogOrigins: boolean;
  /** Undefined: everything is logged. */
  readonly logSampling: LogSampling | undefined;
  /** Where a DestinationRule does not say. */
  readonly locality: LocalityPreference;
  /** False: listeners themselves log nothing, such as connections that no chain takes. */
  readonly hasListenerLogs: boolean;
  readonly defaultProviders: DefaultProviders;
  readonly isTracingEnabled: boolean;
  /** By what proxies of ours mend traces that applications do not pass on. */
  readonly traceMending: 'OFF' | 'REQUEST_ID' | 'IN_FLIGHT';
  /** Of all proxies, where nothing more specific says otherwise. */
  readonly proxy: ProxySettings;
  /** Where servers' proxies hand connections on: to the address that was dialled, or to loopback. */
  readonly inboundTrafficPolicy: 'PASSTHROUGH' | 'LOCALHOST';
  readonly tcpKeepalive: TcpKeepalive | undefined;
  /** Retries of routes that say nothing; undefined: Istio's. */
  readonly defaultRetries: RetryPolicy | undefined;
  /** Where DestinationRules lack these blocks. */
  readonly defaultPool: ConnectionPool | undefined;
  readonly defaultOutlierDetection: OutlierDetection | undefined;
  /** Who sees resources that do not say. */
  readonly defaultExportTo: {
    readonly services: readonly string[];
    readonly routes: readonly string[];
    readonly policies: readonly string[];
  };
  /** Namespaces that belong to the mesh, by any of these; none: all. */
  readonly discoverySelectors: readonly NamespaceSelector[];
  /** Inside the mesh. */
  readonly meshTls: TlsDefaults;
  /** To and from others. */
  readonly tlsDefaults: TlsDefaults;
  /** How long names that could not be resolved are not asked for again. */
  readonly dnsRefreshMs: number;
  /** Patterns of statistics' names of clusters; '' is Envoy's own. */
  readonly inboundStatName: string;
  readonly outboundStatName: string;
  /** What proxies tell of single requests and connections. */
  readonly flows: FlowSettings;
  /** Where one proxy tells of them; absent in the mesh's own settings, and for proxies that do not. */
  readonly flowsTo?: { readonly cluster: string; readonly isOwnProxy: boolean };
  /** How new versions of the mesh go to proxies; undefined: to all at once. */
  readonly rollout?: RolloutPolicy;
  /** What Telemetries say of one proxy; absent in the mesh's own settings. */
  readonly telemetry?: ProxyTelemetry;
}

/** What holds where MeshConfig says nothing. */
export const defaultMeshSettings: MeshSettings = {
  trustDomain: 'cluster.local',
  trustDomainAliases: [],
  extensionProviders: [],
  rootNamespace: 'istio-system',
  domainSuffix: 'cluster.local',
  outboundTrafficPolicy: 'ALLOW_ANY',
  isAutoMtlsEnabled: true,
  connectTimeoutMs: 10_000,
  h2UpgradePolicy: 'DEFAULT',
  protocolDetectionTimeoutMs: 5_000,
  pathNormalization: 'BASE',
  accessLogFile: '',
  accessLogEncoding: 'TEXT',
  accessLogFormat: '',
  hasLogOrigins: false,
  logSampling: undefined,
  locality: { isEnabled: true, distribute: [], failover: [], failoverPriority: [] },
  hasListenerLogs: true,
  defaultProviders: { tracing: [], metrics: ['prometheus'], accessLogging: [] },
  isTracingEnabled: true,
  traceMending: 'IN_FLIGHT',
  proxy: NO_PROXY_SETTINGS,
  inboundTrafficPolicy: 'PASSTHROUGH',
  tcpKeepalive: undefined,
  defaultRetries: undefined,
  defaultPool: undefined,
  defaultOutlierDetection: undefined,
  defaultExportTo: { services: ['*'], routes: ['*'], policies: ['*'] },
  discoverySelectors: [],
  meshTls: TLS_DEFAULTS,
  tlsDefaults: TLS_DEFAULTS,
  dnsRefreshMs: 60_000,
  inboundStatName: '',
  outboundStatName: '',
  flows: DEFAULT_FLOW_SETTINGS,
};

/** A namespace, as far as labels of it count. */
export interface Namespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The whole mesh as one immutable value. Parts that did not change between two snapshots are the same objects, so
 * that compile steps can be memoised by identity. Lists are in stable order: age (`createdAt`), then place in the
 * sources (file name, document); whoever is first is the older one.
 */
export interface Mesh {
  readonly settings: MeshSettings;
  readonly namespaces: readonly Namespace[];
  readonly services: readonly Service[];
  readonly workloads: readonly Workload[];
  readonly instances: readonly WorkloadInstance[];
  readonly routes: readonly RouteSet[];
  readonly destinationPolicies: readonly DestinationPolicy[];
  readonly gateways: readonly Gateway[];
  readonly envoyFilters: readonly EnvoyFilter[];
  readonly sidecars: readonly Sidecar[];
  readonly telemetries: readonly Telemetry[];
  readonly proxyConfigs: readonly ProxyConfig[];
  readonly secrets: readonly TlsSecret[];
  readonly peerAuthentications: readonly PeerAuthentication[];
  readonly requestAuthentications: readonly RequestAuthentication[];
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  /** Keys of token issuers as they were fetched, by where from. */
  readonly keySets: readonly KeySet[];
}
