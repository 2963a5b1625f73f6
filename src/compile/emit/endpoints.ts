/** Endpoint assignments: a service's ready and unready addresses by locality. */
import { create, type JsonObject } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { CLUSTER_ID } from '../../model/node-id.ts';
import { type LabelSelector, selects } from '../../model/match.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import type { AuthorizationPolicy, PeerAuthentication } from '../../model/security.ts';
import { type Endpoint, type Locality, type Service, type ServicePort, takesMutualTls } from '../../model/service.ts';
import type { Subset } from '../../model/traffic-policy.ts';
import { HealthStatus } from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import {
  type LbEndpoint,
  LbEndpointSchema,
  type LocalityLbEndpoints,
  LocalityLbEndpointsSchema,
} from '../../xds/gen/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { address, isIp } from './any.ts';
import { policiesFor } from './authorization.ts';
import { hostPort, internalAddress, ORIGINAL_DST, TUNNEL_MATCH } from './hbone.ts';
import { memoised } from './memo.ts';
import { outboundCluster } from './names.ts';
import { type Nearness, rankOf, sharesOf } from './nearness.ts';
import { mtlsModeOf } from './peer-authentication.ts';
import { type CompiledResource, resourceOf } from './resource.ts';

/** The port of `endpoint` that serves `port`; 0 where it does not serve it. */
export function endpointPort(endpoint: Endpoint, port: ServicePort): number {
  return endpoint.ports[port.name] ?? endpoint.ports[''] ?? port.number;
}

/** Istio's five fields: workload, namespace, canonical name, canonical revision, cluster. */
function workloadText({ workload, namespace, labels }: Endpoint): string {
  const name = labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? workload;
  const revision = labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? labels['version'] ?? 'latest';
  return `${workload};${namespace};${name};${revision};${CLUSTER_ID}`;
}

/** How endpoints may be reached. */
interface Reach {
  readonly takesMtls: (endpoint: Endpoint, port: number) => boolean;
  /** The internal listener where tunnels begin; undefined where there are none. */
  readonly originate?: string | undefined;
  /** Whether an endpoint that takes mTLS takes tunnels too, its proxy having a port for them. */
  readonly takesTunnels?: (endpoint: Endpoint) => boolean;
}

/** An endpoint behind a tunnel: an internal listener's, which is told where to go. */
function tunnelledEndpoint(endpoint: Endpoint, number: number, originate: string, hbonePort: number): LbEndpoint {
  const local = hostPort(endpoint.address, number);
  return create(LbEndpointSchema, {
    hostIdentifier: { case: 'endpoint', value: { address: internalAddress(originate, local) } },
    healthStatus: endpoint.isReady ? HealthStatus.HEALTHY : HealthStatus.UNHEALTHY,
    loadBalancingWeight: endpoint.weight,
    metadata: {
      filterMetadata: {
        istio: { workload: workloadText(endpoint) },
        [ORIGINAL_DST]: { local, waypoint: hostPort(endpoint.address, hbonePort) },
        'envoy.transport_socket_match': TUNNEL_MATCH,
      },
    },
  });
}

function lbEndpoint(endpoint: Endpoint, port: ServicePort, { takesMtls, originate, takesTunnels }: Reach): LbEndpoint {
  const number = endpointPort(endpoint, port);
  const { hbonePort } = endpoint;
  if (
    originate !== undefined &&
    hbonePort !== undefined &&
    takesMutualTls(endpoint) &&
    takesMtls(endpoint, number) &&
    takesTunnels?.(endpoint) === true
  )
    return tunnelledEndpoint(endpoint, number, originate, hbonePort);
  const filterMetadata: Record<string, JsonObject> = { istio: { workload: workloadText(endpoint) } };
  if (takesMutualTls(endpoint) && takesMtls(endpoint, number)) filterMetadata['envoy.transport_socket_match'] = { tlsMode: 'istio' };
  return create(LbEndpointSchema, {
    hostIdentifier: { case: 'endpoint', value: { address: address(endpoint.address, number) } },
    healthStatus: endpoint.isReady ? HealthStatus.HEALTHY : HealthStatus.UNHEALTHY,
    loadBalancingWeight: endpoint.weight,
    metadata: { filterMetadata },
  });
}

function localityOf(locality: Locality) {
  const [region = '', zone = '', subZone = ''] = locality.split('/');
  return { region, zone, subZone };
}

interface Group {
  readonly locality: Locality;
  readonly rank: number;
  readonly endpoints: Endpoint[];
}

function weightOf({ endpoints }: Group): number {
  return endpoints.reduce((sum, { weight }) => sum + weight, 0);
}

/** Groups in order, the weight of each, and its priority: those without a share are left out, and ranks have no gaps. */
function weighted(groups: readonly Group[], nearness: Nearness | undefined) {
  const own = new Map(groups.map((group) => [group.locality, weightOf(group)]));
  const shares = sharesOf(nearness, own);
  const ranks = [...new Set(groups.map(({ rank }) => rank))].toSorted((a, b) => a - b);
  return groups
    .map((group) => ({
      ...group,
      weight: shares === undefined ? weightOf(group) : (shares.get(group.locality) ?? 0),
      priority: ranks.indexOf(group.rank),
    }))
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => (a.locality === b.locality ? a.priority - b.priority : a.locality < b.locality ? -1 : 1));
}

/**
 * Endpoints that carry `labels`, by locality, for one port; a locality weighs as much as its endpoints, unless `nearness`
 * says otherwise.
 */
export function localitiesOf(
  endpoints: readonly Endpoint[],
  port: ServicePort,
  labels: LabelSelector,
  reach: Reach,
  nearness?: Nearness,
): LocalityLbEndpoints[] {
  const groups = new Map<string, Group>();
  for (const endpoint of endpoints) {
    // Envoy's smallest weight is 1: what has none gets no traffic
    if (endpoint.weight === 0 || endpointPort(endpoint, port) === 0 || !selects(labels, endpoint.labels)) continue;
    const rank = rankOf(nearness, endpoint);
    const key = `${rank} ${endpoint.locality}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { locality: endpoint.locality, rank, endpoints: [endpoint] });
    else group.endpoints.push(endpoint);
  }
  return weighted([...groups.values()], nearness).map(({ locality, endpoints: own, weight, priority }) =>
    create(LocalityLbEndpointsSchema, {
      locality: localityOf(locality),
      lbEndpoints: own.map((endpoint) => lbEndpoint(endpoint, port, reach)),
      loadBalancingWeight: weight,
      priority,
    }),
  );
}

/**
 * The assignment of one port and subset (undefined: all endpoints). Endpoints whose PeerAuthentication is DISABLE
 * are called without mTLS. `originate` is where tunnels to the others begin; those that a policy of `serverNamePolicies`
 * is about take none. `nearness` is what the client prefers.
 */
export const endpointsOf = memoised(
  (
    service: Service,
    port: ServicePort,
    subset: Subset | undefined,
    peerAuthentications: readonly PeerAuthentication[],
    settings: MeshSettings,
    serverNamePolicies: readonly AuthorizationPolicy[],
    originate: string | undefined,
    nearness: Nearness | undefined,
  ): CompiledResource => {
    const foreign = service.endpoints.find(({ address: host }) => !isIp(host) && !host.startsWith('unix://'));
    if (foreign !== undefined) {
      throw new ConfigError(
        'endpoints.address',
        `${service.hostname}: ${JSON.stringify(foreign.address)} is not an IP address; host names need resolution DNS`,
      );
    }
    const takesMtls = ({ namespace, labels }: Endpoint, number: number) =>
      mtlsModeOf(peerAuthentications, settings.rootNamespace, { namespace, labels }, number) !== 'DISABLE';
    const takesTunnels = ({ namespace, labels }: Endpoint) =>
      policiesFor(serverNamePolicies, settings.rootNamespace, { namespace, labels }).length === 0;
    const clusterName = outboundCluster(port.number, subset?.name ?? '', service.hostname);
    const endpoints = localitiesOf(service.endpoints, port, subset?.labels ?? {}, { takesMtls, originate, takesTunnels }, nearness);
    return resourceOf(ClusterLoadAssignmentSchema, clusterName, create(ClusterLoadAssignmentSchema, { clusterName, endpoints }));
  },
);
