/**
 * The server's side of a sidecar: listeners and clusters for its workload's own ports. Intercepted traffic all comes
 * to `virtualInbound`; in explicit mode every port has a listener of its own at the proxy's address.
 */
import { create } from '@bufbuild/protobuf';
import type { MeshSettings } from '../../model/mesh.ts';
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import {
  type ListenerFilter,
  type ListenerFilterChainMatchPredicate,
  ListenerFilterChainMatchPredicateSchema,
} from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { type Listener, ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { address, duration } from './any.ts';
import { setLimits } from './cluster-limits.ts';
import { httpOptionsOf, thresholdsOf, upstreamHttp } from './cluster-policy.ts';
import { guardOf, setGuardOrigins } from './guard.ts';
import { tunnelEnd } from './hbone-inbound.ts';
import { encodedChain, type InboundSite, portChains, unknownPortChains } from './inbound-filters.ts';
import type { InboundPort } from './inbound-ports.ts';
import { anyIpv6, filterChain, inspectors, listener } from './listener.ts';
import { memoised } from './memo.ts';
import { type NamedCluster, poolIn, statName } from './mesh-defaults.ts';
import { BLACK_HOLE, inboundCluster, VIRTUAL_INBOUND_PORT } from './names.ts';
import { mtlsModeOf, portsOfPolicy } from './peer-authentication.ts';
import { metadataOf } from './provenance.ts';
import type { ProxyNode } from './proxy-node.ts';
import { type CompiledResource, type EncodedPart, resourceOf, resourceWith } from './resource.ts';
import type { Security } from './security.ts';
import { bindToInbound, inboundPassthrough, originalDestination } from './special-clusters.ts';
import { tcpFilters } from './tcp-proxy.ts';

/** What decides a proxy's inbound side, besides policies: equal ones share one compile. */
export interface Server {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly userAgent: ProxyNode['userAgent'];
  readonly isIntercepted: boolean;
  readonly hasIpv6: boolean;
  /** Where explicit listeners are bound: the proxy's first address; '' where traffic is intercepted. */
  readonly address: string;
  readonly ports: readonly InboundPort[];
  /** The proxy's own, at which tunnels may end. */
  readonly addresses: readonly string[];
  /** Where tunnels of peers are taken; 0 where none are. */
  readonly hbonePort: number;
}

export interface Inbound {
  readonly listeners: readonly CompiledResource[];
  readonly clusters: readonly CompiledResource[];
}

/** Where traffic is intercepted the connection goes on to the address it was dialled at; else to loopback. */
function portCluster(port: InboundPort, server: Server, settings: MeshSettings): CompiledResource {
  const { number, appPort, protocol, service, origin, pool } = port;
  const name = inboundCluster(number);
  const isHandedOn = server.isIntercepted && settings.inboundTrafficPolicy === 'PASSTHROUGH';
  const endpoint = port.endpoint ?? (isHandedOn ? undefined : { address: LOOPBACK, port: appPort });
  const cluster = endpoint === undefined ? originalDestination(name, settings) : endpointCluster(name, endpoint, settings);
  if (server.isIntercepted && !isLoopback(endpoint?.address)) bindToInbound(cluster, server.hasIpv6);
  const limits = poolIn(settings, pool);
  setLimits(cluster, limits);
  cluster.typedExtensionProtocolOptions = httpOptionsOf(upstreamHttp(protocol, limits, 'DO_NOT_UPGRADE'), limits);
  const services = service === undefined ? [] : [{ host: service.host, name: service.name, namespace: service.namespace }];
  cluster.metadata = metadataOf(origin, { services });
  cluster.altStatName =
    (service && statName(settings.inboundStatName, namesOf(port, service), settings.domainSuffix)) ?? cluster.altStatName;
  return resourceOf(ClusterSchema, name, cluster);
}

function namesOf({ number }: InboundPort, service: NonNullable<InboundPort['service']>): NamedCluster {
  const { host, name, namespace, port, portName } = service;
  return { host, service: name, namespace, port, portName, targetPort: number, subset: '' };
}

const LOOPBACK = '127.0.0.1';

function isLoopback(address: string | undefined): boolean {
  return address === LOOPBACK || address === '::1' || address?.startsWith('unix:') === true;
}

function endpointCluster(name: string, endpoint: NonNullable<InboundPort['endpoint']>, settings: MeshSettings): Cluster {
  const hostIdentifier = { case: 'endpoint' as const, value: { address: address(endpoint.address, endpoint.port) } };
  return create(ClusterSchema, {
    name,
    altStatName: `${name};`,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: duration(settings.connectTimeoutMs),
    circuitBreakers: { thresholds: [thresholdsOf(undefined, undefined)] },
    loadAssignment: create(ClusterLoadAssignmentSchema, { clusterName: name, endpoints: [{ lbEndpoints: [{ hostIdentifier }] }] }),
  });
}

/** Listener filters that stay away from these ports. */
function exceptFor(filter: ListenerFilter, ports: readonly number[]): ListenerFilter {
  const rules = ports.map((port): ListenerFilterChainMatchPredicate =>
    create(ListenerFilterChainMatchPredicateSchema, { rule: { case: 'destinationPortRange', value: { start: port, end: port + 1 } } }),
  );
  const [first] = rules;
  if (first === undefined) return filter;
  filter.filterDisabled =
    rules.length === 1 ? first : create(ListenerFilterChainMatchPredicateSchema, { rule: { case: 'orMatch', value: { rules } } });
  return filter;
}

function withOrigins(message: Listener, { guard }: InboundSite): CompiledResource {
  setGuardOrigins(message, guard);
  return resourceOf(ListenerSchema, message.name, message);
}

/** Takes what was meant for the listener itself, which would call itself without end. */
const loopChain = memoised((settings: MeshSettings, userAgent: ProxyNode['userAgent']): EncodedPart =>
  encodedChain(
    filterChain({
      name: 'virtualInbound-blackhole',
      match: { destinationPort: VIRTUAL_INBOUND_PORT },
      filters: tcpFilters([{ name: BLACK_HOLE, weight: 1 }], { settings, client: { userAgent, isOnDemand: false }, side: 'server' }),
    }),
  ),
);

/** The listener on 15006; `otherPorts` are those without a service that have an mTLS mode of their own. */
function virtualInbound(server: Server, site: InboundSite, otherPorts: readonly number[]): CompiledResource {
  const { settings, client, modeOf } = site;
  const modes = otherPorts.flatMap((number) => portChains(site, undefined, number));
  const own = [...modes, ...server.ports.flatMap((port) => portChains(site, port))].map(encodedChain);
  const chains = [loopChain(settings, client.userAgent), ...unknownPortChains(site), ...own];
  const declared = server.ports.filter(({ protocol }) => protocol !== 'auto').map(({ number }) => number);
  const isPlain = server.ports.filter(({ number }) => modeOf(number) === 'DISABLE').map(({ number }) => number);
  const message = listener({
    name: 'virtualInbound',
    host: '0.0.0.0',
    otherHosts: anyIpv6(server.hasIpv6),
    port: VIRTUAL_INBOUND_PORT,
    direction: 'inbound',
    chains: [],
    listenerFilters: [
      inspectors.originalDst(),
      exceptFor(inspectors.tls(), [VIRTUAL_INBOUND_PORT, ...isPlain]),
      exceptFor(inspectors.http(), [VIRTUAL_INBOUND_PORT, ...declared]),
    ],
    isBound: true,
    settings,
  });
  setGuardOrigins(message, site.guard);
  return resourceWith(ListenerSchema, message.name, message, chains);
}

/** The listener of one port in explicit mode: at the address that peers know, so that the application may have loopback. */
function explicitListener(host: string, port: InboundPort, all: InboundSite): CompiledResource {
  // it has one port, which chains need not tell from others
  const site = { ...all, isIntercepted: false };
  const isSniffed = port.protocol === 'auto';
  const isPlain = site.modeOf(port.number) === 'DISABLE';
  const message = listener({
    name: `${host}_${port.listen}`,
    host,
    port: port.listen,
    direction: 'inbound',
    chains: portChains(site, port),
    listenerFilters: [...(isPlain ? [] : [inspectors.tls()]), ...(isSniffed ? [inspectors.http()] : [])],
    isBound: true,
    settings: site.settings,
  });
  return withOrigins(message, site);
}

/** The inbound side of every proxy that is `serverKey` (a `Server` as JSON, so that equal ones are one). */
export const inboundOf = memoised((settings: MeshSettings, security: Security, serverKey: string): Inbound => {
  const server: Server = JSON.parse(serverKey);
  const { peerAuthentications } = security;
  const listens = new Map(server.ports.map(({ number, listen }) => [number, listen]));
  const site: InboundSite = {
    settings,
    client: { userAgent: server.userAgent, isOnDemand: false },
    isIntercepted: server.isIntercepted,
    guard: guardOf(security, server),
    modeOf: (port) => mtlsModeOf(peerAuthentications, settings.rootNamespace, server, port),
    listenPort: (port) => listens.get(port) ?? port,
  };
  const otherPorts = portsOfPolicy(peerAuthentications, server).filter((number) => !listens.has(number));
  const tunnels = tunnelEnd(server, site);
  const clusters = [...server.ports.map((port) => portCluster(port, server, settings)), ...tunnels.clusters];
  if (!server.isIntercepted) {
    const own = server.ports.map((port) => explicitListener(port.bind ?? server.address, port, site));
    return { listeners: [...own, ...tunnels.listeners], clusters };
  }
  const bound = server.ports.flatMap((port) => (port.bind === undefined ? [] : [explicitListener(port.bind, port, site)]));
  const captured = { ...server, ports: server.ports.filter(({ bind }) => bind === undefined) };
  return {
    listeners: [virtualInbound(captured, site, otherPorts), ...bound, ...tunnels.listeners],
    clusters: [...clusters, inboundPassthrough(settings, server.hasIpv6)],
  };
});
