/** Filter chains of inbound ports: who may come in, and then HTTP or bytes to the application. */
import { create } from '@bufbuild/protobuf';
import type { MeshSettings } from '../../model/mesh.ts';
import type { Protocol } from '../../model/service.ts';
import type { CidrRange } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
  FilterSchema,
} from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { RouteSchema, VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { duration } from './any.ts';
import { type Guard, guardFilters } from './guard.ts';
import { httpConnectionManager } from './hcm.ts';
import { type ChainKind, chainKinds } from './inbound-chains.ts';
import type { InboundPort } from './inbound-ports.ts';
import { filterChain } from './listener.ts';
import { memoised } from './memo.ts';
import { meshDownstreamSocket } from './mesh-tls.ts';
import { INBOUND_PASSTHROUGH, inboundCluster } from './names.ts';
import { routeConfiguration } from './outbound-routes.ts';
import type { EffectiveMode } from './peer-authentication.ts';
import type { ProxyNode } from './proxy-node.ts';
import { type EncodedPart, partOf } from './resource.ts';
import { inboundRetryPolicy } from './retry-policy.ts';
import { matchAll } from './route-match.ts';
import { metadataOf } from './provenance.ts';
import type { Client } from './scope.ts';
import type { Security } from './security.ts';
import { tcpFilters } from './tcp-proxy.ts';

export interface InboundSite {
  readonly settings: MeshSettings;
  readonly client: Pick<Client, 'userAgent' | 'isOnDemand'>;
  readonly isIntercepted: boolean;
  readonly guard: Guard;
  /** The mTLS mode of a workload's port; undefined: of ports without a service. */
  readonly modeOf: (port: number | undefined) => EffectiveMode;
  readonly listenPort: (workloadPort: number) => number;
  /** Connections came through tunnels: filter state says whose they are. */
  readonly isTunnelled?: boolean;
}

const SERVER_ALPN: Readonly<Record<ChainKind['speaks'], readonly string[]>> = {
  http: ['h2', 'http/1.1'],
  bytes: ['istio-peer-exchange', 'h2', 'http/1.1'],
};

/**
 * Where nobody has said what the application speaks it gets what comes in. Of what our clients offer HTTP/1.1 is then
 * the better one: they offer both where an application sends HTTP/1.1, and only HTTP/2 where it sends that.
 */
const ALPN_OF_UNKNOWN = ['http/1.1', 'h2'];

function serverAlpn({ speaks }: ChainKind, protocol: Protocol): readonly string[] {
  return speaks === 'http' && protocol === 'auto' ? ALPN_OF_UNKNOWN : SERVER_ALPN[speaks];
}

/** Everything to the application; only what cannot have begun is tried again, and never for gRPC, whose clients do. */
function inboundRoutes(cluster: string, port: InboundPort | undefined): RouteConfiguration {
  const operation = port?.service === undefined ? `:${port?.number ?? 0}/*` : `${port.service.host}:${port.service.port}/*`;
  const retries = port?.protocol === 'grpc' || port?.protocol === 'grpc-web' ? {} : { retryPolicy: inboundRetryPolicy() };
  const route = create(RouteSchema, {
    name: 'default',
    match: matchAll(),
    action: {
      case: 'route',
      value: {
        clusterSpecifier: { case: 'cluster', value: cluster },
        timeout: duration(0),
        maxStreamDuration: { maxStreamDuration: duration(0), grpcTimeoutHeaderMax: duration(0) },
        ...retries,
      },
    },
    decorator: { operation },
    ...(port?.origin && { metadata: metadataOf(port.origin) }),
  });
  const name = `inbound|http|${port?.service?.port ?? port?.number ?? 0}`;
  const host = create(VirtualHostSchema, {
    name,
    domains: ['*'],
    routes: [route],
    ...(port?.origin && { metadata: metadataOf(port.origin) }),
  });
  return routeConfiguration(cluster, [host], false);
}

function filtersOf(site: InboundSite, kind: ChainKind, cluster: string, port: InboundPort | undefined): Filter[] {
  const { settings, client, guard, listenPort, isTunnelled = false } = site;
  const authorization = guardFilters(guard, { isHttp: kind.speaks === 'http', isTunnelled, listenPort, isGateway: false });
  if (kind.speaks === 'http') {
    const statPrefix = port === undefined ? INBOUND_PASSTHROUGH : `inbound_0.0.0.0_${port.number}`;
    const isGrpcWeb = port?.protocol === 'grpc-web';
    const routes = inboundRoutes(cluster, port);
    return [httpConnectionManager({ settings, client, side: 'server', statPrefix, routes, isGrpcWeb, authorization })];
  }
  return [
    ...authorization.map((filter) => create(FilterSchema, filter)),
    ...tcpFilters([{ name: cluster, weight: 1 }], { settings, client, side: 'server' }),
  ];
}

function chainName(kind: ChainKind, number: number | undefined): string {
  if (number !== undefined) return `0.0.0.0_${number}`;
  return kind.speaks === 'http' ? 'virtualInbound-catchall-http' : 'virtualInbound';
}

/**
 * The chain of `port` for what came through a tunnel, whose peer is known by filter state. `prefixRanges` are the proxy's
 * own addresses.
 */
export function tunnelledChain(site: InboundSite, port: InboundPort, prefixRanges: readonly CidrRange[]): FilterChain {
  const kind: ChainKind = { transportProtocol: 'raw_buffer', applicationProtocols: [], speaks: 'bytes', endsMtls: false };
  return filterChain({
    name: chainName(kind, port.number),
    match: { destinationPort: site.isIntercepted ? port.number : port.listen, prefixRanges: [...prefixRanges] },
    filters: filtersOf({ ...site, isTunnelled: true }, kind, inboundCluster(port.number), port),
    origin: port.origin,
  });
}

/** The chains of `port`; undefined: of port `number` that no service names, or of every such port. */
export function portChains(site: InboundSite, port: InboundPort | undefined, number = port?.number): FilterChain[] {
  const cluster = port === undefined ? INBOUND_PASSTHROUGH : inboundCluster(port.number);
  const known = new Map<ChainKind['speaks'], Filter[]>();
  const protocol = port?.protocol ?? 'auto';
  return chainKinds(protocol, site.modeOf(number)).map((kind) => {
    const { transportProtocol, applicationProtocols, endsMtls, speaks } = kind;
    const filters = known.get(speaks) ?? filtersOf(site, kind, cluster, port);
    known.set(speaks, filters);
    return filterChain({
      name: chainName(kind, number),
      match: {
        transportProtocol,
        applicationProtocols: [...applicationProtocols],
        // explicit listeners have one port each
        ...(number !== undefined && site.isIntercepted && { destinationPort: number }),
      },
      filters,
      origin: port?.origin,
      transportSocket: endsMtls ? meshDownstreamSocket(serverAlpn(kind, protocol), site.settings) : undefined,
    });
  });
}

/** `filter_chains` of Listener (listener.proto). */
const FILTER_CHAINS_FIELD = 3;

/** A chain as a listener holds it. */
export function encodedChain(chain: FilterChain): EncodedPart {
  return partOf(FilterChainSchema, FILTER_CHAINS_FIELD, chain);
}

/** Those of workloads that nothing guards, which are most: encoded once for all of them. */
const unguardedChains = memoised(
  (
    settings: MeshSettings,
    security: Security,
    userAgent: ProxyNode['userAgent'],
    isIntercepted: boolean,
    mode: EffectiveMode,
  ): readonly EncodedPart[] => {
    const guard: Guard = { security, policies: [], tokenRules: [] };
    const client = { userAgent, isOnDemand: false };
    const site: InboundSite = { settings, client, isIntercepted, guard, modeOf: () => mode, listenPort: (port) => port };
    return portChains(site, undefined).map(encodedChain);
  },
);

/** The chains of every port that no service names. */
export function unknownPortChains(site: InboundSite): readonly EncodedPart[] {
  const { settings, client, isIntercepted, guard, modeOf } = site;
  if (guard.policies.length > 0 || guard.tokenRules.length > 0) return portChains(site, undefined).map(encodedChain);
  return unguardedChains(settings, guard.security, client.userAgent, isIntercepted, modeOf(undefined));
}
