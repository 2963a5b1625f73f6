/** What single resources contribute; `buildMesh` joins them to a Mesh. */
import type { EnvoyFilter } from '../../model/envoy-filter.ts';
import type { Gateway } from '../../model/gateway.ts';
import type { LabelSelector } from '../../model/match.ts';
import type { MeshSettings, Namespace } from '../../model/mesh.ts';
import type { Provenance } from '../../model/provenance.ts';
import type { ProxyConfig } from '../../model/proxy-settings.ts';
import type { HttpMatch, RouteSet } from '../../model/route.ts';
import type { TlsSecret } from '../../model/secret.ts';
import type { AuthorizationPolicy, PeerAuthentication, RequestAuthentication } from '../../model/security.ts';
import type { Endpoint, Locality, Service } from '../../model/service.ts';
import type { Sidecar } from '../../model/sidecar.ts';
import type { Telemetry } from '../../model/telemetry.ts';
import type { DestinationPolicy } from '../../model/traffic-policy.ts';
import type { Workload } from '../../model/workload.ts';

/** A service before its endpoints are found and its virtual addresses are chosen. */
export interface ServicePart {
  /** `endpoints` holds those that are written in the resource itself. */
  readonly service: Service;
  /** Workloads and WorkloadEntries of its namespace that serve it; undefined: none. */
  readonly selector: LabelSelector | undefined;
  /** True where a virtual address is to be allocated, none being given. */
  readonly wantsAddress: boolean;
}

/** Addresses outside that a service selects by labels: a WorkloadEntry. */
export interface WorkloadEntryPart {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly address: string;
  /** Port by service port name. */
  readonly ports: Readonly<Record<string, number>>;
  readonly locality: Locality;
  readonly weight: number;
  readonly serviceAccount: string;
  readonly isMeshed: boolean;
  readonly origin: Provenance;
}

/** Addresses of a Kubernetes service: an Endpoints or EndpointSlice. */
export interface EndpointsPart {
  readonly namespace: string;
  /** Name of the Service. */
  readonly service: string;
  readonly isSlice: boolean;
  readonly endpoints: readonly Endpoint[];
}

/** Requests that TrafficSplits name: an HTTPRouteGroup. */
export interface MatchGroupPart {
  readonly name: string;
  readonly namespace: string;
  readonly matches: readonly HttpMatch[];
}

/** A route set whose first HTTP rule is for the requests of match groups: a TrafficSplit. */
export interface SplitPart {
  readonly route: RouteSet;
  /** Match groups of its namespace; empty: the rule is for every request. */
  readonly groups: readonly { readonly name: string; readonly origin: Provenance }[];
}

/** A route set of which some rules, by place, are a delegate's; or, without hosts, a delegate. */
export interface DelegatingPart {
  readonly route: RouteSet;
  readonly delegates: ReadonlyMap<number, { readonly namespace: string; readonly name: string; readonly origin: Provenance }>;
}

export type Part =
  | { readonly kind: 'settings'; readonly value: MeshSettings }
  | { readonly kind: 'namespace'; readonly value: Namespace }
  | { readonly kind: 'services'; readonly value: readonly ServicePart[] }
  | { readonly kind: 'workload-entry'; readonly value: WorkloadEntryPart }
  | { readonly kind: 'endpoints'; readonly value: EndpointsPart }
  | { readonly kind: 'workload'; readonly value: Workload }
  | { readonly kind: 'routes'; readonly value: RouteSet }
  | { readonly kind: 'delegating-routes'; readonly value: DelegatingPart }
  | { readonly kind: 'split'; readonly value: SplitPart }
  | { readonly kind: 'match-group'; readonly value: MatchGroupPart }
  | { readonly kind: 'destination-policy'; readonly value: DestinationPolicy }
  | { readonly kind: 'gateway'; readonly value: Gateway }
  | { readonly kind: 'envoy-filter'; readonly value: EnvoyFilter }
  | { readonly kind: 'sidecar'; readonly value: Sidecar }
  | { readonly kind: 'telemetry'; readonly value: Telemetry }
  | { readonly kind: 'proxy-config'; readonly value: ProxyConfig }
  | { readonly kind: 'secret'; readonly value: TlsSecret | undefined }
  | { readonly kind: 'peer-authentication'; readonly value: PeerAuthentication }
  | { readonly kind: 'request-authentication'; readonly value: RequestAuthentication }
  | { readonly kind: 'authorization-policy'; readonly value: AuthorizationPolicy };
