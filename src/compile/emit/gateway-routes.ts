/** Route configurations of gateways: `http.<port>` for all plain servers of a port, one for each server that ends TLS. */
import { create } from '@bufbuild/protobuf';
import {
  type Route,
  type VirtualHost,
  VirtualHost_TlsRequirementType,
  VirtualHostSchema,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { type BoundServer, type MergedPort, servedHosts, serverHost } from './gateway-merge.ts';
import { httpRoutes } from './http-routes.ts';
import { serviceRoute } from './names.ts';
import { routeConfiguration } from './outbound-routes.ts';
import { metadataOf } from './provenance.ts';
import { headersOf } from './proxy-headers.ts';
import { type CompiledResource, resourceOf } from './resource.ts';
import { isCatchAll, type RouteSite } from './route-match.ts';
import type { Scope } from './scope.ts';
import type { Provenance } from '../../model/provenance.ts';

/** The route configuration of all plain HTTP servers of a port. */
export function plainRouteName(port: number): string {
  return `http.${port}`;
}

/** The route configuration of one server that ends TLS. */
export function tlsRouteName({ server, gateway }: BoundServer): string {
  return `https.${server.port.number}.${server.port.name}.${gateway.name}.${gateway.namespace}`;
}

interface Host {
  readonly routes: Route[];
  /** True where a server with `httpsRedirect` has it. */
  isRedirected: boolean;
  readonly origin: Provenance;
}

/** Where the rules that lead on from a server are followed. */
export function routeSite({ client }: Scope, { gatewayName, server }: BoundServer): RouteSite {
  return { namespace: client.namespace, labels: client.labels, gateway: gatewayName, port: server.port.number };
}

/** Route sets for one host are put one behind the other, up to a route that takes everything. */
function collect(scope: Scope, bound: BoundServer, hosts: Map<string, Host>, isTls: boolean): void {
  const { server } = bound;
  const site = { ...routeSite(scope, bound), isTls };
  for (const set of scope.routes) {
    if (set.http.length === 0) continue;
    for (const host of servedHosts(bound, set)) {
      const known = hosts.get(host) ?? { routes: [], origin: set.origin, isRedirected: false };
      hosts.set(host, known);
      known.isRedirected ||= server.tls?.httpsRedirect === true;
      if (known.routes.some(({ match }) => match !== undefined && isCatchAll(match))) continue;
      known.routes.push(...httpRoutes(scope, set.http, site, host));
    }
  }
}

/** Hosts of servers with `httpsRedirect` send every plain request to HTTPS. */
function redirectedHosts(servers: readonly BoundServer[]): Map<string, Provenance> {
  const hosts = new Map<string, Provenance>();
  for (const { server } of servers) {
    if (server.tls?.httpsRedirect !== true) continue;
    for (const host of server.hosts) hosts.set(serverHost(host), server.origin);
  }
  return hosts;
}

function virtualHosts(scope: Scope, servers: readonly BoundServer[], port: number, isTls: boolean): VirtualHost[] {
  const hosts = new Map<string, Host>();
  const redirected = redirectedHosts(servers);
  for (const [host, origin] of redirected) hosts.set(host, { routes: [], origin, isRedirected: true });
  for (const bound of servers) collect(scope, bound, hosts, isTls);
  const virtual = [...hosts].map(([host, { routes, origin, isRedirected }]) =>
    create(VirtualHostSchema, {
      name: serviceRoute(host, port),
      domains: [host],
      routes,
      includeRequestAttemptCount: headersOf(scope.settings).hasAttemptCount,
      metadata: metadataOf(origin),
      requireTls: isRedirected ? VirtualHost_TlsRequirementType.ALL : VirtualHost_TlsRequirementType.NONE,
    }),
  );
  // a port without any host answers 404, rather than that it never gets ready
  return virtual.length > 0 ? virtual : [create(VirtualHostSchema, { name: `blackhole:${port}`, domains: ['*'] })];
}

/** The route configurations of one port. */
export function gatewayRoutes(scope: Scope, { number, family, servers }: MergedPort): CompiledResource[] {
  if (family === 'http') {
    const name = plainRouteName(number);
    return [resourceOf(RouteConfigurationSchema, name, routeConfiguration(name, virtualHosts(scope, servers, number, false)))];
  }
  return servers
    .filter(({ server }) => endsAsHttp(server))
    .map((bound) => {
      const name = tlsRouteName(bound);
      return resourceOf(RouteConfigurationSchema, name, routeConfiguration(name, virtualHosts(scope, [bound], number, true)));
    });
}

/** True for servers that end TLS and speak HTTP inside it. */
export function endsAsHttp({ port, tls }: BoundServer['server']): boolean {
  return tls !== undefined && tls.mode !== 'PASSTHROUGH' && port.protocol !== 'TLS' && port.protocol !== 'TCP';
}
