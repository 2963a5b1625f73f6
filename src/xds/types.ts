/** The resource types of xDS v3 that we speak, in the order in which a server sends them. */

export interface ResourceType {
  /** Type URL of the resource inside the Any. */
  readonly url: string;
  /** Name of the discovery service, as in Envoy's documentation. */
  readonly name: string;
  /** True where a client that names nothing wants everything, and a state-of-the-world response is the whole state. */
  readonly isWildcard: boolean;
}

const PREFIX = 'type.googleapis.com/envoy';

export const CLUSTER_TYPE = `${PREFIX}.config.cluster.v3.Cluster`;
export const ENDPOINT_TYPE = `${PREFIX}.config.endpoint.v3.ClusterLoadAssignment`;
export const LISTENER_TYPE = `${PREFIX}.config.listener.v3.Listener`;
export const ROUTE_TYPE = `${PREFIX}.config.route.v3.RouteConfiguration`;
export const SCOPED_ROUTE_TYPE = `${PREFIX}.config.route.v3.ScopedRouteConfiguration`;
export const VIRTUAL_HOST_TYPE = `${PREFIX}.config.route.v3.VirtualHost`;
export const SECRET_TYPE = `${PREFIX}.extensions.transport_sockets.tls.v3.Secret`;

/** Layers of Envoy's runtime, by name. */
export const RUNTIME_TYPE = `${PREFIX}.service.runtime.v3.Runtime`;

/** The names that a proxy's DNS answers (Istio's name discovery service). */
export const NAME_TABLE_TYPE = 'type.googleapis.com/istio.networking.nds.v1.NameTable';

/** Not a resource: a client says with it, on its ADS stream, whether its workload is healthy (Istio). */
export const HEALTH_TYPE = 'type.googleapis.com/istio.v1.HealthInformation';

/** Position is push order: what is referred to comes before what refers to it (Envoy, "Eventual consistency"). */
export const resourceTypes: readonly ResourceType[] = [
  { url: CLUSTER_TYPE, name: 'CDS', isWildcard: true },
  { url: ENDPOINT_TYPE, name: 'EDS', isWildcard: false },
  { url: LISTENER_TYPE, name: 'LDS', isWildcard: true },
  { url: SCOPED_ROUTE_TYPE, name: 'SRDS', isWildcard: true },
  { url: ROUTE_TYPE, name: 'RDS', isWildcard: false },
  { url: VIRTUAL_HOST_TYPE, name: 'VHDS', isWildcard: false },
  { url: SECRET_TYPE, name: 'SDS', isWildcard: false },
  { url: NAME_TABLE_TYPE, name: 'NDS', isWildcard: true },
  { url: RUNTIME_TYPE, name: 'RTDS', isWildcard: false },
];

const byUrl = new Map(resourceTypes.map((type, order) => [type.url, { type, order }]));

/** The row of a type URL, or undefined where it is none of ours. */
export function resourceType(url: string): ResourceType | undefined {
  return byUrl.get(url)?.type;
}

/** Position in push order; unknown types come last. */
export function pushOrder(url: string): number {
  return byUrl.get(url)?.order ?? resourceTypes.length;
}

/** The same text as the one constant that all use: texts of a message are compared character by character. */
export function sharedUrl(url: string): string {
  return byUrl.get(url)?.type.url ?? url;
}
