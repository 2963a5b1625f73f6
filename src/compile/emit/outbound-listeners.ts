/**
 * Listeners of a sidecar's outgoing traffic. One on each HTTP port finds the service by host; one on each address
 * and port of other services knows it already; the catch-all takes what neither does.
 */
import type { Provenance } from '../../model/provenance.ts';
import { isHttp, type ServicePort } from '../../model/service.ts';
import type { FilterChain, ListenerFilter } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { type Listener, ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { isIp } from './any.ts';
import { endpointPort } from './endpoints.ts';
import { hasDynamicHosts } from './dynamic-dns.ts';
import { httpConnectionManager } from './hcm.ts';
import { anyIpv6, filterChain, inspectors, listener, PLAIN_HTTP } from './listener.ts';
import { BLACK_HOLE, serviceRoute, VIRTUAL_OUTBOUND_PORT } from './names.ts';
import { opaqueChains } from './opaque-chains.ts';
import { egressRoute, hasOwnListener, httpPorts } from './outbound-routes.ts';
import { type CompiledResource, resourceOf } from './resource.ts';
import type { PortScope, Scope } from './scope.ts';
import type { ServiceShape } from './shape.ts';
import { tcpFilters } from './tcp-proxy.ts';
import { unknownCluster } from './unknown-cluster.ts';
import { tellMore } from './provenance.ts';

const ANY = '0.0.0.0';
const LOOPBACK = '127.0.0.1';

/** The HTTP filter chain of an outbound listener. */
export function httpChain(
  scope: Scope,
  routeName: string,
  statPrefix: string,
  sniffed: boolean,
  origin: Provenance | undefined,
  isGrpcWeb = false,
): FilterChain {
  const { settings, client } = scope;
  const hcm = httpConnectionManager({
    settings,
    client,
    side: 'client',
    statPrefix,
    routes: routeName,
    hasDynamicHosts: hasDynamicHosts(scope),
    isGrpcWeb,
    authorization: [],
  });
  return filterChain({ filters: [hcm], origin, ...(sniffed && { match: PLAIN_HTTP }) });
}

/** What connections get that nothing of the mesh's is known for. */
function unknownChain(scope: Scope, name: string): FilterChain {
  const { settings, client } = scope;
  return filterChain({ name, filters: tcpFilters([{ name: unknownCluster(scope), weight: 1 }], { settings, client, side: 'client' }) });
}

/** The catch-all on 15001, which hands connections over to the listener of their original destination. */
function virtualOutbound(scope: Scope): Listener {
  const { settings, client } = scope;
  const loop = filterChain({
    name: 'virtualOutbound-blackhole',
    match: { destinationPort: VIRTUAL_OUTBOUND_PORT },
    filters: tcpFilters([{ name: BLACK_HOLE, weight: 1 }], { settings, client, side: 'client' }),
  });
  const message = listener({
    name: 'virtualOutbound',
    host: ANY,
    otherHosts: anyIpv6(client.hasIpv6),
    port: VIRTUAL_OUTBOUND_PORT,
    direction: 'outbound',
    chains: [loop, unknownChain(scope, 'virtualOutbound-catchall-tcp')],
    listenerFilters: [],
    isBound: true,
    settings,
  });
  message.useOriginalDst = true;
  return message;
}

function inspectorsFor(chains: readonly FilterChain[]): ListenerFilter[] {
  const needsTls = chains.some(
    ({ filterChainMatch: match }) => match !== undefined && (match.serverNames.length > 0 || match.transportProtocol === 'tls'),
  );
  const needsHttp = chains.some(({ filterChainMatch: match }) => match !== undefined && match.applicationProtocols.length > 0);
  return [...(needsTls ? [inspectors.tls()] : []), ...(needsHttp ? [inspectors.http()] : [])];
}

interface Wildcard {
  readonly port: number;
  httpOrigin: Provenance | undefined;
  hasHttp: boolean;
  isGrpcWeb: boolean;
  readonly opaque: FilterChain[];
}

/** A chain without any condition can only be there once, as the default. */
function isUnconditional({ filterChainMatch: match }: FilterChain): boolean {
  return match === undefined || (match.prefixRanges.length === 0 && match.serverNames.length === 0);
}

/** The listener of every service on a port that has no address of its own: HTTP by host, TLS by SNI, CIDRs, the rest. */
function wildcardListener(scope: Scope, { port, hasHttp, httpOrigin, isGrpcWeb, opaque }: Wildcard): Listener {
  const http = hasHttp ? [httpChain(scope, String(port), `outbound_${ANY}_${port}`, true, httpOrigin, isGrpcWeb)] : [];
  const fallback = opaque.find(isUnconditional);
  const chains = [...http, ...distinct(opaque.filter((chain) => !isUnconditional(chain)))];
  return listener({
    name: `${ANY}_${port}`,
    host: ANY,
    otherHosts: anyIpv6(scope.client.hasIpv6),
    port,
    direction: 'outbound',
    chains,
    otherwise: fallback ?? unknownChain(scope, 'PassthroughFilterChain'),
    listenerFilters: inspectorsFor(chains),
    isBound: false,
    settings: scope.settings,
  });
}

/** Envoy refuses two chains with the same match: the older service's stays. */
function distinct(chains: readonly FilterChain[]): FilterChain[] {
  const seen = new Set<string>();
  return chains.filter(({ filterChainMatch: match }) => {
    const key = JSON.stringify([match?.serverNames, match?.prefixRanges.map(({ addressPrefix, prefixLen }) => [addressPrefix, prefixLen])]);
    return seen.size < seen.add(key).size;
  });
}

/** A listener for one address of one service's port that is not plain HTTP. */
function addressListener(scope: Scope, service: ServiceShape, port: ServicePort, ip: string, number: number): Listener {
  const opaque = opaqueChains(scope, service, port, { isAddressed: true });
  const fallback = opaque.find(isUnconditional);
  const chains = distinct(opaque.filter((chain) => chain !== fallback && !isUnconditional(chain)));
  const name = `${ip}_${number}`;
  if (port.protocol === 'auto')
    chains.unshift(httpChain(scope, serviceRoute(service.hostname, port.number), `outbound_${name}`, true, service.origin));
  return listener({
    name,
    host: ip,
    port: number,
    direction: 'outbound',
    chains,
    otherwise: fallback,
    listenerFilters: inspectorsFor(chains),
    isBound: false,
    settings: scope.settings,
  });
}

/** The listeners of a service's own addresses; a headless one's are its endpoints'. */
function ownListeners(scope: Scope, service: ServiceShape): Listener[] {
  return service.ports
    .filter(({ protocol }) => !isHttp(protocol))
    .flatMap((port) => {
      const virtual = service.addresses.filter(isIp).map((ip) => addressListener(scope, service, port, ip, port.number));
      if (!service.isHeadless || virtual.length > 0 || service.resolution !== 'static') return virtual;
      return service.pinned
        .filter(({ address }) => isIp(address))
        .map((endpoint) => addressListener(scope, service, port, endpoint.address, endpointPort(endpoint, port)));
    });
}

function wildcards(scope: Scope): Iterable<Wildcard> {
  const found = new Map<number, Wildcard>();
  const at = (port: number): Wildcard => {
    const known = found.get(port);
    if (known !== undefined) return known;
    const made = { port, hasHttp: false, httpOrigin: undefined, isGrpcWeb: false, opaque: [] };
    found.set(port, made);
    return made;
  };
  for (const [number, members] of httpPorts(scope)) {
    const wildcard = at(number);
    wildcard.hasHttp = true;
    wildcard.isGrpcWeb = members.some(({ port }) => port.protocol === 'grpc-web');
    wildcard.httpOrigin = members[0]?.service.origin;
  }
  for (const service of scope.called.values()) {
    for (const port of service.ports) {
      const isDialledByEndpoint = service.isHeadless && service.resolution === 'static';
      if (isHttp(port.protocol) || hasOwnListener(service) || isDialledByEndpoint) continue;
      at(port.number).opaque.push(...opaqueChains(scope, service, port, { isAddressed: false }));
    }
  }
  return found.values();
}

/** Listeners of services by the addresses and ports that they have. */
function serviceListeners(scope: Scope): Listener[] {
  const own = [...scope.called.values()].flatMap((service) => ownListeners(scope, service));
  return [...own, ...[...wildcards(scope)].map((wildcard) => wildcardListener(scope, wildcard))];
}

/** The chains of one address that all services of a port share: HTTP by host, bytes to the oldest, or by SNI. */
function sharedChains({ listener: at, scope }: PortScope, statPrefix: string): FilterChain[] {
  const { protocol } = at.port;
  if (protocol === 'http-proxy' || isHttp(protocol))
    return [httpChain(scope, egressRoute(at), statPrefix, false, at.origin, protocol === 'grpc-web')];
  const opaque = [...scope.called.values()].flatMap((service) =>
    service.ports
      .filter((port) => !isHttp(port.protocol))
      .flatMap((port) => opaqueChains(scope, { ...service, addresses: [] }, port, { isAddressed: hasOwnListener(service) })),
  );
  const fallback = opaque.find(isUnconditional);
  return [...distinct(opaque.filter((chain) => !isUnconditional(chain))), ...(fallback === undefined ? [] : [fallback])];
}

/** The listener of a port that has an address of its own. */
function sharedListener(port: PortScope, host: string, isBound: boolean): Listener[] {
  const { listener: at, scope } = port;
  const { number, protocol } = at.port;
  const name = `${host}_${number}`;
  const chains = sharedChains(port, `outbound_${name}`);
  if (scope.called.size === 0 || chains.length === 0) return [];
  const message = listener({
    name,
    host,
    port: number,
    direction: 'outbound',
    chains,
    listenerFilters: inspectorsFor(chains),
    isBound,
    settings: scope.settings,
  });
  if (protocol === 'http-proxy') tellMore(message, { httpProxy: true });
  return [message];
}

/** Listeners of the ports that a Sidecar names; `isIntercepted` says what those without a word of it are. */
export function egressListeners({ ports }: Scope, isIntercepted: boolean): Listener[] {
  return ports.flatMap((port) => {
    const { bind, port: at, isBound: isWritten } = port.listener;
    const isBound = isWritten || !isIntercepted;
    if (bind !== '') return sharedListener(port, bind, isBound);
    if (isBound) return sharedListener(port, LOOPBACK, true);
    return at.protocol === 'http-proxy' ? sharedListener(port, ANY, false) : serviceListeners(port.scope);
  });
}

/** Every listener of intercepted outgoing traffic. */
export function outboundListeners(scope: Scope): CompiledResource[] {
  const named = egressListeners(scope, true);
  const taken = new Set(named.map(({ name }) => name));
  const rest = serviceListeners(scope).filter(({ name }) => !taken.has(name));
  return [virtualOutbound(scope), ...named, ...rest].map((message) => resourceOf(ListenerSchema, message.name, message));
}
