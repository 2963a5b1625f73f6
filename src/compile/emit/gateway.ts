/** What a gateway proxy (role `router`) gets: the ports of the Gateways that select it, and where they lead. */
import type { Gateway } from '../../model/gateway.ts';
import type { FilterChain } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { type Listener, ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { create } from '@bufbuild/protobuf';
import { FilterSchema } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { type BoundServer, type MergedPort, mergePorts, servedHosts, serverHost } from './gateway-merge.ts';
import { endsAsHttp, gatewayRoutes, plainRouteName, routeSite, tlsRouteName } from './gateway-routes.ts';
import { gatewayTlsSocket } from './gateway-tls.ts';
import { type Guard, guardFilters, guardOf, setGuardOrigins } from './guard.ts';
import { httpConnectionManager } from './hcm.ts';
import { filterChain, inspectors, listener } from './listener.ts';
import { memoised } from './memo.ts';
import { ruleChains } from './opaque-chains.ts';
import { type CompiledResource, resourceOf } from './resource.ts';
import type { Security } from './security.ts';
import { hostSpecificity } from './hosts.ts';
import type { Scope } from './scope.ts';

/** The part of a proxy that decides its listeners. */
export interface Router {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Where ports without `bind` are opened. */
  readonly host: string;
  /** The port to open for a Gateway's port, where a service or the registration maps it. */
  readonly ports: Readonly<Record<number, number>>;
}

export interface GatewayResources {
  readonly listeners: readonly CompiledResource[];
  readonly routes: readonly CompiledResource[];
}

interface Site {
  readonly scope: Scope;
  readonly guard: Guard;
  readonly router: Router;
}

function httpFilters({ scope, guard, router }: Site, routes: string, port: number, servers: readonly BoundServer[]) {
  const { settings, client } = scope;
  const listenPort = (number: number) => router.ports[number] ?? number;
  const authorization = guardFilters(guard, { isHttp: true, listenPort, isGateway: true });
  const isGrpcWeb = servers.some(({ server }) => server.port.protocol === 'GRPC-WEB');
  return [
    httpConnectionManager({
      settings,
      client,
      side: 'gateway',
      statPrefix: `outbound_${router.host}_${port}`,
      routes,
      isGrpcWeb,
      authorization,
    }),
  ];
}

/** SNI names of a server; `*` is any, which Envoy writes as none. */
function serverNames(bound: BoundServer): string[] {
  const hosts = bound.server.hosts.map(serverHost);
  return hosts.includes('*') ? [] : [...new Set(hosts)];
}

/** Puts authorization before whatever a chain for bytes does. */
function guarded({ guard, router }: Site, chain: FilterChain): FilterChain {
  const listenPort = (number: number) => router.ports[number] ?? number;
  const filters = guardFilters(guard, { isHttp: false, listenPort, isGateway: true }).map((filter) => create(FilterSchema, filter));
  chain.filters.unshift(...filters);
  return chain;
}

/** Chains of TCP rules bound to a server, without conditions of their own but the subnets that they name. */
function tcpChains(site: Site, bound: BoundServer): FilterChain[] {
  const { scope } = site;
  const where = routeSite(scope, bound);
  const sets = scope.routes.filter((set) => set.tcp.length > 0 && servedHosts(bound, set).length > 0);
  return sets.flatMap((set) => set.tcp.flatMap((rule) => ruleChains(scope, rule, where, false))).map((chain) => guarded(site, chain));
}

/** Chains of TLS rules bound to a server that passes TLS on, for the names that both have. */
function passthroughChains(site: Site, bound: BoundServer): FilterChain[] {
  const { scope } = site;
  const where = routeSite(scope, bound);
  const hosts = bound.server.hosts.map(serverHost);
  const isServed = (name: string) => hosts.some((host) => hostSpecificity(host, name) >= 0);
  const sets = scope.routes.filter((set) => set.tls.length > 0 && servedHosts(bound, set).length > 0);
  return sets
    .flatMap((set) => set.tls.flatMap((rule) => ruleChains(scope, rule, where, true)))
    .filter(({ filterChainMatch: match }) => match === undefined || match.serverNames.length === 0 || match.serverNames.every(isServed))
    .map((chain) => guarded(site, chain));
}

function tlsChains(site: Site, bound: BoundServer): FilterChain[] {
  const { server } = bound;
  const { settings } = site.scope;
  const match = { serverNames: serverNames(bound), transportProtocol: 'tls' };
  if (server.tls === undefined) return passthroughChains(site, bound);
  const isHttp = endsAsHttp(server);
  const transportSocket = gatewayTlsSocket(server.tls, isHttp, settings, server.origin);
  if (transportSocket === undefined) return passthroughChains(site, bound);
  if (isHttp)
    return [
      filterChain({
        match,
        filters: httpFilters(site, tlsRouteName(bound), server.port.number, [bound]),
        origin: server.origin,
        transportSocket,
      }),
    ];
  return tcpChains(site, bound).map((chain) => filterChain({ match, filters: chain.filters, origin: server.origin, transportSocket }));
}

function chainsOf(site: Site, { family, number, servers }: MergedPort): FilterChain[] {
  const [first] = servers;
  if (first === undefined) return [];
  if (family === 'http')
    return [filterChain({ filters: httpFilters(site, plainRouteName(number), number, servers), origin: first.server.origin })];
  return servers.flatMap((bound) => (family === 'tls' ? tlsChains(site, bound) : tcpChains(site, bound)));
}

/** Envoy refuses two chains with one match: the older stays. */
function distinct(chains: readonly FilterChain[]): FilterChain[] {
  const seen = new Set<string>();
  return chains.filter(({ filterChainMatch: match }) => {
    const ranges = match?.prefixRanges.map(({ addressPrefix, prefixLen }) => `${addressPrefix}/${prefixLen ?? 0}`) ?? [];
    const key = JSON.stringify([match?.serverNames ?? [], ranges, match?.transportProtocol ?? '']);
    return seen.size < seen.add(key).size;
  });
}

function portListener(site: Site, port: MergedPort): Listener | undefined {
  const chains = distinct(chainsOf(site, port));
  if (chains.length === 0) return undefined;
  const host = port.bind === '' ? site.router.host : port.bind;
  const number = site.router.ports[port.number] ?? port.number;
  const { topology } = site.scope.settings.proxy;
  const message = listener({
    name: `${host}_${number}`,
    host,
    port: number,
    direction: 'outbound',
    chains,
    listenerFilters: [
      ...(topology?.takesProxyProtocol === true ? [inspectors.proxyProtocol()] : []),
      ...(port.family === 'tls' ? [inspectors.tls()] : []),
    ],
    isBound: true,
    settings: site.scope.settings,
  });
  setGuardOrigins(message, site.guard);
  return message;
}

/** Listeners and routes of every gateway proxy that is `routerKey` (a `Router` as JSON) in `scope`. */
export const gatewayOf = memoised((scope: Scope, gateways: readonly Gateway[], security: Security, routerKey: string): GatewayResources => {
  const router: Router = JSON.parse(routerKey);
  const guard = guardOf(security, router);
  const ports = mergePorts(gateways, router.labels);
  const messages = ports.map((port) => portListener({ scope, guard, router }, port)).filter((message) => message !== undefined);
  return {
    listeners: messages.map((message) => resourceOf(ListenerSchema, message.name, message)),
    routes: ports.flatMap((port) => gatewayRoutes(scope, port)),
  };
});
