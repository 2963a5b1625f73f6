/** The client's side of tunnels between proxies: which ports go through them, and where they begin. */
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { CLUSTER_ID } from '../../model/node-id.ts';
import { parseSpiffeId } from '../../core/spiffe.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import { isOpaque, type ServicePort } from '../../model/service.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { TrafficDirection } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { FilterSchema } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { HttpProtocolOptionsSchema } from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { duration, extension } from './any.ts';
import { h2UpgradePolicy } from './cluster-policy.ts';
import { effectivePolicy, type PortPolicy, portPolicy } from './destination-policy.ts';
import { CONNECT_ORIGINATE, ORIGINAL_DST } from './hbone.ts';
import { filterChain, inspectors } from './listener.ts';
import { memoised } from './memo.ts';
import { withMeshDefaults } from './mesh-defaults.ts';
import { meshUpstreamSocket } from './mesh-tls.ts';
import { TCP_PROXY } from './names.ts';
import type { ProxyNode } from './proxy-node.ts';
import { type CompiledResource, resourceOf } from './resource.ts';
import { type Client, type Scope, unrouted } from './scope.ts';
import type { ServiceShape } from './shape.ts';
import { traced } from './trace.ts';
import { originalDestination } from './special-clusters.ts';
import type { Subset } from '../../model/traffic-policy.ts';

/** Connections between proxies stay for an hour without a stream, as istiod has it. */
const IDLE_MS = 3_600_000;
const CLEANUP_MS = 60_000;

/** Whether endpoints of a service may be called by mTLS without a word of a DestinationRule. */
export function takesAutoMtls(service: Pick<ServiceShape, 'isExternal' | 'resolution'>, settings: MeshSettings): boolean {
  const isKnown = service.resolution !== 'none' && service.resolution !== 'dynamic-dns';
  return settings.isAutoMtlsEnabled && !service.isExternal && isKnown;
}

/** The identities that a server of `service` may have, as SPIFFE URIs: what a DestinationRule says, else the service's own. */
export function identitiesOf(service: ServiceShape, { tls }: Pick<PortPolicy, 'tls'>): readonly string[] {
  return tls !== undefined && tls.subjectAltNames.length > 0 ? tls.subjectAltNames : service.identities;
}

function labelOf(identity: string): string {
  const id = parseSpiffeId(identity);
  return id === undefined ? identity.replaceAll('/', '~') : `${id.serviceAccount}.${id.namespace}`;
}

/**
 * The internal listener where tunnels to a service's port begin; undefined where its connections are plain mTLS. It is one
 * for each set of identities that servers may have: a tunnel, too, must end at whom the service belongs to.
 */
export function originateListener(
  client: Pick<Client, 'userAgent' | 'isIntercepted'>,
  settings: MeshSettings,
  service: ServiceShape,
  port: ServicePort,
  policy: PortPolicy,
): string | undefined {
  if (client.userAgent !== 'tulle' || !isOpaque(port.protocol)) return undefined;
  if (service.resolution !== 'static' || (service.isHeadless && client.isIntercepted)) return undefined;
  // a header that goes before everything else cannot go before a tunnel that connections share
  if (policy.proxyProtocol !== undefined) return undefined;
  if (h2UpgradePolicy(policy.connectionPool, settings.h2UpgradePolicy) === 'DO_NOT_UPGRADE') return undefined;
  const isMutual = policy.tls === undefined ? takesAutoMtls(service, settings) : policy.tls.mode === 'ISTIO_MUTUAL';
  const identities = identitiesOf(service, policy);
  if (!isMutual || identities.length === 0) return undefined;
  return `${CONNECT_ORIGINATE}|${[...new Set(identities.map(labelOf))].join(',')}`;
}

/** As `originateListener`, for a port of a subset (undefined: of the service) in `scope`. */
export function originateIn(scope: Scope, service: ServiceShape, port: ServicePort, subset: Subset | undefined): string | undefined {
  const policy = withMeshDefaults(portPolicy(effectivePolicy(scope, service), subset, port.number), scope.settings);
  return originateListener(scope.client, scope.settings, service, port, policy);
}

/** Every beginning of tunnels that a scope's services need, with the identities that it leads to. */
const originsFrom = traced((scope: Scope, services: Scope['services']): ReadonlyMap<string, readonly string[]> => {
  const origins = new Map<string, readonly string[]>();
  for (const service of services.values()) {
    const effective = effectivePolicy(scope, service);
    for (const port of service.ports) {
      for (const subset of [undefined, ...effective.subsets]) {
        const policy = withMeshDefaults(portPolicy(effective, subset, port.number), scope.settings);
        const name = originateListener(scope.client, scope.settings, service, port, policy);
        if (name !== undefined) origins.set(name, identitiesOf(service, policy));
      }
    }
  }
  return origins;
});

/** Istio's words for a workload in the header `baggage` of its tunnels. */
function baggageOf({ namespace, workload, labels }: Pick<ProxyNode, 'namespace' | 'workload' | 'labels'>): string {
  const name = labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? workload;
  const revision = labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? labels['version'] ?? 'latest';
  const parts = [
    ['k8s.cluster.name', CLUSTER_ID],
    ['k8s.namespace.name', namespace],
    ['k8s.deployment.name', workload],
    ['service.name', name],
    ['service.version', revision],
    ['app.name', labels['app'] ?? ''],
    ['app.version', labels['version'] ?? ''],
  ] as const;
  return parts
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join(',');
}

function listenerOf(name: string, baggage: string): CompiledResource {
  const tcpProxy = extension(TCP_PROXY, TcpProxySchema, {
    statPrefix: name,
    clusterSpecifier: { case: 'cluster', value: name },
    tunnelingConfig: {
      hostname: '%DOWNSTREAM_LOCAL_ADDRESS%',
      // a format, in which a percent sign stands doubled
      headersToAdd: [{ header: { key: 'baggage', value: baggage.replaceAll('%', '%%') } }],
    },
  });
  const message = create(ListenerSchema, {
    name,
    listenerSpecifier: { case: 'internalListener', value: {} },
    listenerFilters: [inspectors.originalDst()],
    filterChains: [filterChain({ filters: [create(FilterSchema, tcpProxy)] })],
    trafficDirection: TrafficDirection.OUTBOUND,
  });
  return resourceOf(ListenerSchema, name, message);
}

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** HTTP/2 by mTLS to where the endpoint's metadata says that tunnels are taken. */
function clusterOf(name: string, identities: readonly string[], settings: MeshSettings): CompiledResource {
  const cluster = originalDestination(name, settings);
  cluster.cleanupInterval = duration(CLEANUP_MS);
  cluster.lbConfig = create(ClusterSchema, {
    lbConfig: {
      case: 'originalDstLbConfig',
      value: { metadataKey: { key: ORIGINAL_DST, path: [{ segment: { case: 'key', value: 'waypoint' } }] } },
    },
  }).lbConfig;
  const options = create(HttpProtocolOptionsSchema, {
    commonHttpProtocolOptions: { idleTimeout: duration(IDLE_MS) },
    upstreamProtocolOptions: {
      case: 'explicitHttpConfig',
      value: { protocolConfig: { case: 'http2ProtocolOptions', value: { allowConnect: true } } },
    },
  });
  cluster.typedExtensionProtocolOptions = { [HTTP_OPTIONS]: anyPack(HttpProtocolOptionsSchema, options) };
  cluster.transportSocket = meshUpstreamSocket(['h2'], identities, '');
  return resourceOf(ClusterSchema, name, cluster);
}

const originsIn = memoised((scope: Scope) => originsFrom(scope, scope.services));
const originsOf = memoised((scope: Scope) => originsIn(unrouted(scope)));

const clustersFor = memoised((origins: ReturnType<typeof originsOf>, settings: MeshSettings): readonly CompiledResource[] =>
  [...origins].map(([name, identities]) => clusterOf(name, identities, settings)),
);

/** Clusters of the tunnels that begin in a scope. */
export function originateClusters(scope: Scope): readonly CompiledResource[] {
  return clustersFor(originsOf(scope), scope.settings);
}

const listenersFor = memoised((origins: ReadonlyMap<string, unknown>, baggage: string): readonly CompiledResource[] =>
  [...origins.keys()].map((name) => listenerOf(name, baggage)),
);

/** Internal listeners where the tunnels of `proxy` begin. */
export function originateListeners(scope: Scope, proxy: ProxyNode): readonly CompiledResource[] {
  const origins = originsOf(scope);
  return listenersFor(origins, origins.size === 0 ? '' : baggageOf(proxy));
}
