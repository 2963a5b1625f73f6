/**
 * The server's side of tunnels between proxies: `connect_terminate` ends them, and `main_internal` is to what they carry
 * what `virtualInbound` is to connections that come by themselves, with the same policies and metrics.
 */
import { create } from '@bufbuild/protobuf';
import type { MeshSettings } from '../../model/mesh.ts';
import type { AuthorizationPolicy } from '../../model/security.ts';
import { isOpaque } from '../../model/service.ts';
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { TrafficDirection } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { FilterSchema } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { type Listener, ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteSchema, VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import {
  type FilterStateValue,
  FilterStateValue_SharedWithUpstream as Shared,
  FilterStateValueSchema,
} from '../../xds/gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import { RouterSchema } from '../../xds/gen/envoy/extensions/filters/http/router/v3/router_pb.ts';
import { ConfigSchema as SetFilterStateSchema } from '../../xds/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts';
import { HttpConnectionManagerSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { listenerAccessLogsOf } from './access-log.ts';
import { cidr, duration, extension } from './any.ts';
import { thresholdsOf } from './cluster-policy.ts';
import { listenerFlowLogsOf } from './flow-log.ts';
import {
  BAGGAGE_STATE,
  CONNECT_TERMINATE,
  internalAddress,
  internalSocket,
  LOCAL_PRINCIPAL,
  MAIN_INTERNAL,
  ORIGINAL_DST,
  PEER_PRINCIPAL,
} from './hbone.ts';
import type { Server } from './inbound.ts';
import { type InboundSite, tunnelledChain } from './inbound-filters.ts';
import type { InboundPort } from './inbound-ports.ts';
import { anyIpv6, filterChain, inspectors, listener } from './listener.ts';
import { memoised } from './memo.ts';
import { meshDownstreamSocket } from './mesh-tls.ts';
import { HCM } from './names.ts';
import { setGuardOrigins } from './guard.ts';
import { type CompiledResource, resourceOf } from './resource.ts';

/** True where a policy asks for the server name of TLS, which is not known of what a tunnel carries. */
function readsServerName({ rules }: AuthorizationPolicy): boolean {
  return rules.some(({ when }) => when.some(({ key }) => key === 'connection.sni'));
}

const NONE: readonly AuthorizationPolicy[] = [];

/** Policies that cannot be decided for tunnels: who they are about takes none. The same list while there are none. */
export const serverNamePolicies = memoised((policies: readonly AuthorizationPolicy[]): readonly AuthorizationPolicy[] => {
  const found = policies.filter(readsServerName);
  return found.length === 0 ? NONE : found;
});

function stateValue(key: string, inlineString: string, factoryKey = ''): FilterStateValue {
  return create(FilterStateValueSchema, {
    key: { case: 'objectKey', value: key },
    factoryKey,
    value: {
      case: 'formatString',
      value: {
        format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: inlineString } } },
        omitEmptyValues: true,
      },
    },
    skipIfEmpty: true,
    sharedWithUpstream: Shared.ONCE,
  });
}

/** Where a tunnel wants to go, and whose it is: what goes along to `main_internal`. */
const connectAuthority = extension('envoy.filters.http.set_filter_state', SetFilterStateSchema, {
  onRequestHeaders: [
    stateValue(`${ORIGINAL_DST}.local_ip`, '%REQ(:AUTHORITY)%'),
    stateValue(`${ORIGINAL_DST}.remote_ip`, '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%'),
    stateValue(PEER_PRINCIPAL, '%DOWNSTREAM_PEER_URI_SAN%', 'envoy.string'),
    stateValue(LOCAL_PRINCIPAL, '%DOWNSTREAM_LOCAL_URI_SAN%', 'envoy.string'),
    stateValue(BAGGAGE_STATE, '%REQ(BAGGAGE)%', 'envoy.string'),
  ],
});

function connectRoutes() {
  const route = create(RouteSchema, {
    name: 'default',
    match: { pathSpecifier: { case: 'connectMatcher', value: {} } },
    action: {
      case: 'route',
      value: {
        clusterSpecifier: { case: 'cluster', value: MAIN_INTERNAL },
        upgradeConfigs: [{ upgradeType: 'CONNECT', connectConfig: {} }],
        timeout: duration(0),
      },
    },
  });
  const host = create(VirtualHostSchema, { name: 'default', domains: ['*'], routes: [route] });
  return create(RouteConfigurationSchema, { name: 'default', virtualHosts: [host], validateClusters: false });
}

function connectTerminate({ address, hasIpv6, isIntercepted, hbonePort }: Server, settings: MeshSettings): CompiledResource {
  const manager = extension(HCM, HttpConnectionManagerSchema, {
    statPrefix: CONNECT_TERMINATE,
    routeSpecifier: { case: 'routeConfig', value: connectRoutes() },
    httpFilters: [{ ...connectAuthority, name: 'connect_authority' }, extension('envoy.filters.http.router', RouterSchema, {})],
    http2ProtocolOptions: { allowConnect: true },
    upgradeConfigs: [{ upgradeType: 'CONNECT' }],
    streamIdleTimeout: duration(0),
    useRemoteAddress: false,
  });
  const message = listener({
    name: CONNECT_TERMINATE,
    host: isIntercepted ? '0.0.0.0' : address,
    otherHosts: isIntercepted ? anyIpv6(hasIpv6) : [],
    port: hbonePort,
    direction: 'inbound',
    chains: [
      filterChain({
        name: CONNECT_TERMINATE,
        filters: [create(FilterSchema, manager)],
        transportSocket: meshDownstreamSocket(['h2'], settings),
      }),
    ],
    listenerFilters: [],
    isBound: true,
    settings,
  });
  return resourceOf(ListenerSchema, CONNECT_TERMINATE, message);
}

/** One chain for each port, and only at the proxy's own addresses: a tunnel leads nowhere else. */
function mainInternal(server: Server, site: InboundSite, ports: readonly InboundPort[]): CompiledResource {
  const prefixRanges = server.addresses.map((own) => cidr(own, 'node.metadata.INSTANCE_IPS'));
  const message: Listener = create(ListenerSchema, {
    name: MAIN_INTERNAL,
    listenerSpecifier: { case: 'internalListener', value: {} },
    listenerFilters: [inspectors.originalDst()],
    filterChains: ports.map((port) => tunnelledChain(site, port, prefixRanges)),
    trafficDirection: TrafficDirection.INBOUND,
    accessLog: [...listenerAccessLogsOf(site.settings, 'server'), ...listenerFlowLogsOf(site.settings, 'server')],
  });
  setGuardOrigins(message, site.guard);
  return resourceOf(ListenerSchema, MAIN_INTERNAL, message);
}

function mainInternalCluster(settings: MeshSettings): Cluster {
  return create(ClusterSchema, {
    name: MAIN_INTERNAL,
    altStatName: `${MAIN_INTERNAL};`,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: duration(settings.connectTimeoutMs),
    circuitBreakers: { thresholds: [thresholdsOf(undefined, undefined)] },
    transportSocket: internalSocket([]),
    loadAssignment: create(ClusterLoadAssignmentSchema, {
      clusterName: MAIN_INTERNAL,
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address: internalAddress(MAIN_INTERNAL, '') } } }] }],
    }),
  });
}

/** What a server needs to take tunnels: nothing where none of its ports may be reached by one. */
export function tunnelEnd(
  server: Server,
  site: InboundSite,
): { readonly listeners: readonly CompiledResource[]; readonly clusters: readonly CompiledResource[] } {
  const isTunnelled = ({ protocol, number }: InboundPort): boolean => isOpaque(protocol) && site.modeOf(number) !== 'DISABLE';
  const ports = server.userAgent === 'tulle' && server.hbonePort !== 0 ? server.ports.filter(isTunnelled) : [];
  if (ports.length === 0 || site.guard.policies.some(readsServerName)) return { listeners: [], clusters: [] };
  return {
    listeners: [connectTerminate(server, site.settings), mainInternal(server, site, ports)],
    clusters: [resourceOf(ClusterSchema, MAIN_INTERNAL, mainInternalCluster(site.settings))],
  };
}
