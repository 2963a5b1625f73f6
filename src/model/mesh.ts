import type { ExtensionProvider } from './extension-provider.ts';
import type { Gateway } from './gateway.ts';
import type { RouteSet } from './route.ts';
import type { TlsSecret } from './secret.ts';
import type { AuthorizationPolicy, PeerAuthentication } from './security.ts';
import type { Service } from './service.ts';
import type { Sidecar } from './sidecar.ts';
import type { DestinationPolicy, LocalityPreference } from './traffic-policy.ts';
import type { Workload, WorkloadInstance } from './workload.ts';

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
  /** Where a DestinationRule does not say. */
  readonly locality: LocalityPreference;
  /** Share of requests traced in percent. */
  readonly tracingSampling: number;
}

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
  locality: { isEnabled: true, distribute: [], failover: [], failoverPriority: [] },
  tracingSampling: 1,
};

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
  readonly sidecars: readonly Sidecar[];
  readonly secrets: readonly TlsSecret[];
  readonly peerAuthentications: readonly PeerAuthentication[];
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
}
