/** Route configurations of a sidecar's outgoing HTTP: by port, by service for sniffed ports, and for its HTTP proxy. */
import { create } from '@bufbuild/protobuf';
import type { RouteSet } from '../../model/route.ts';
import { isHttp, type ServicePort } from '../../model/service.ts';
import { type VirtualHost, VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { directResponse } from './route-action.ts';
import { defaultRoute, httpRoutes, plainRoute } from './http-routes.ts';
import { isIp } from './any.ts';
import { unknownCluster } from './unknown-cluster.ts';
import { memoised } from './memo.ts';
import { serviceRoute } from './names.ts';
import { metadataOf } from './provenance.ts';
import { headersOf } from './proxy-headers.ts';
import { type CompiledResource, type EncodedPart, partOf, resourceWith } from './resource.ts';
import { matchAll } from './route-match.ts';
import { hostSpecificity } from './hosts.ts';
import { type PortScope, type Scope, wholeScope } from './scope.ts';
import type { ServiceShape } from './shape.ts';
import { queried, traced } from './trace.ts';

/** The route configuration of the HTTP proxy of explicit mode. */
export const HTTP_PROXY_ROUTE = 'http_proxy';

const MAX_DIRECT_BODY_BYTES = 1 << 20;

/** A route configuration with the settings that all of ours have. */
export function routeConfiguration(name: string, virtualHosts: readonly VirtualHost[], ignoresPort = true): RouteConfiguration {
  return create(RouteConfigurationSchema, {
    name,
    virtualHosts: [...virtualHosts],
    validateClusters: false,
    maxDirectResponseBodySizeBytes: MAX_DIRECT_BODY_BYTES,
    ignorePortInHostMatching: ignoresPort,
  });
}

interface RouteIndex {
  readonly exact: ReadonlyMap<string, RouteSet>;
  /** `*` and `*.suffix`, the longest first, of equal ones the older. */
  readonly wildcards: readonly (readonly [pattern: string, set: RouteSet])[];
}

const routeIndex = memoised((scope: Scope): RouteIndex => {
  const exact = new Map<string, RouteSet>();
  const wildcards: [string, RouteSet][] = [];
  for (const set of scope.routes) {
    if (!set.gateways.includes('mesh')) continue;
    for (const host of set.hosts) {
      if (host.startsWith('*')) wildcards.push([host, set]);
      if (!exact.has(host)) exact.set(host, set);
    }
  }
  return { exact, wildcards: wildcards.toSorted(([a], [b]) => b.length - a.length) };
});

/** The one route set for `host` that sidecars follow: of the most specific pattern the oldest. */
export const routeSetOf = queried((scope: Scope, host: string): RouteSet | undefined => {
  const { exact, wildcards } = routeIndex(scope);
  return exact.get(host) ?? wildcards.find(([pattern]) => hostSpecificity(pattern, host) >= 0)?.[1];
});

/** Names that clients in `namespace` may call a service by. */
function domainsOf(scope: Scope, service: ServiceShape): string[] {
  const { hostname, name, namespace, addresses } = service;
  const domains = [hostname, `${hostname}.`];
  if (hostname === `${name}.${namespace}.svc.${scope.settings.domainSuffix}`) {
    if (namespace === scope.client.namespace) domains.push(name);
    domains.push(`${name}.${namespace}`, `${name}.${namespace}.svc`);
    // pods have names of their own
    if (service.isHeadless) domains.push(...domains.map((domain) => `*.${domain}`));
  }
  domains.push(...addresses.filter(isIp).map((ip) => (ip.includes(':') ? `[${ip}]` : ip)));
  return domains;
}

/** Where sidecars are; what no rule asks for is not read, so that clients who differ in it share routes. */
function siteOf({ client }: Scope, port: number) {
  return {
    get namespace() {
      return client.namespace;
    },
    get labels() {
      return client.labels;
    },
    gateway: 'mesh',
    port,
    isTls: false,
  };
}

/** `virtual_hosts` of RouteConfiguration (route.proto). */
const VIRTUAL_HOSTS_FIELD = 2;

function encodedHost(host: VirtualHost): EncodedPart {
  return partOf(VirtualHostSchema, VIRTUAL_HOSTS_FIELD, host);
}

/** A virtual host to be: the domains that it would have, and what it is with those that are left to it. */
interface HostPlan {
  readonly domains: readonly string[];
  readonly encode: (domains: readonly string[]) => EncodedPart;
}

const DOMAIN_SEPARATOR = '\n';

/** A service's virtual host, the same bytes for every client whose rules and services are the same. */
const serviceHost = traced((scope: Scope, service: ServiceShape, port: number, domains: string): EncodedPart =>
  encodedHost(serviceVirtualHost(scope, service, port, domains.split(DOMAIN_SEPARATOR))),
);

function servicePlan(scope: Scope, service: ServiceShape, port: number, domains: readonly string[]): HostPlan {
  return { domains, encode: (left) => serviceHost(scope, service, port, left.join(DOMAIN_SEPARATOR)) };
}

function serviceVirtualHost(scope: Scope, service: ServiceShape, port: number, domains: readonly string[]): VirtualHost {
  const set = routeSetOf(scope, service.hostname);
  const rules = set === undefined ? [] : httpRoutes(scope, set.http, siteOf(scope, port), service.hostname);
  return create(VirtualHostSchema, {
    name: serviceRoute(service.hostname, port),
    domains: [...domains],
    // rules of which none is for this proxy leave the service as it is
    routes: rules.length > 0 ? rules : [defaultRoute(scope, service, port)],
    includeRequestAttemptCount: headersOf(scope.settings).hasAttemptCount,
    metadata: metadataOf(rules.length > 0 && set !== undefined ? set.origin : service.origin),
  });
}

/** What requests get whose host nobody knows. */
function unknownHost(scope: Scope): VirtualHost {
  if (scope.outbound.mode === 'ALLOW_ANY') {
    return create(VirtualHostSchema, {
      name: 'allow_any',
      domains: ['*'],
      routes: [plainRoute('allow_any', unknownCluster(scope))],
      includeRequestAttemptCount: headersOf(scope.settings).hasAttemptCount,
    });
  }
  return blockAll();
}

/** The virtual host that answers 502. */
function blockAll(): VirtualHost {
  return create(VirtualHostSchema, {
    name: 'block_all',
    domains: ['*'],
    routes: [{ name: 'block_all', match: matchAll(), action: { case: 'directResponse', value: directResponse(502, new Uint8Array()) } }],
    includeRequestAttemptCount: true,
  });
}

/** Virtual hosts for hosts that only a route set names; sidecars know them on port 80. */
function routeOnlyHosts(scope: Scope): HostPlan[] {
  const hosts = new Map<string, RouteSet>();
  const services = [...scope.called.keys()];
  for (const set of scope.routes) {
    if (!set.gateways.includes('mesh') || set.http.length === 0) continue;
    for (const host of set.hosts) {
      // most name a service outright
      const isService = scope.called.has(host) || (host.startsWith('*') && services.some((service) => hostSpecificity(host, service) >= 0));
      if (host !== '*' && !isService && !hosts.has(host)) hosts.set(host, set);
    }
  }
  return [...hosts].map(([host, set]) => ({
    domains: [host],
    encode: (domains) => routeOnlyHost(scope, set, host, domains.join(DOMAIN_SEPARATOR)),
  }));
}

const routeOnlyHost = traced((scope: Scope, set: RouteSet, host: string, domains: string): EncodedPart =>
  encodedHost(
    create(VirtualHostSchema, {
      name: serviceRoute(host, 80),
      domains: domains.split(DOMAIN_SEPARATOR),
      routes: httpRoutes(scope, set.http, siteOf(scope, 80), host),
      includeRequestAttemptCount: headersOf(scope.settings).hasAttemptCount,
      metadata: metadataOf(set.origin),
    }),
  ),
);

/** Envoy refuses a domain that two virtual hosts of one configuration have: the first keeps it. */
function withoutDuplicates(hosts: readonly HostPlan[]): EncodedPart[] {
  const seen = new Set<string>();
  return hosts.flatMap(({ domains, encode }) => {
    const left = domains.filter((domain) => !seen.has(domain));
    for (const domain of left) seen.add(domain);
    return left.length > 0 ? [encode(left)] : [];
  });
}

function hostsResource(name: string, hosts: readonly HostPlan[], otherwise: VirtualHost, ignoresPort: boolean): CompiledResource {
  const parts = [...withoutDuplicates(hosts), encodedHost(otherwise)];
  return resourceWith(RouteConfigurationSchema, name, routeConfiguration(name, [], ignoresPort), parts);
}

/** Ports on which some visible service speaks HTTP, with the services. */
export function httpPorts(scope: Scope): Map<number, { service: ServiceShape; port: ServicePort }[]> {
  const ports = new Map<number, { service: ServiceShape; port: ServicePort }[]>();
  for (const service of scope.called.values()) {
    for (const port of service.ports) {
      if (!isHttp(port.protocol) && !(port.protocol === 'auto' && !hasOwnListener(service))) continue;
      const group = ports.get(port.number);
      if (group === undefined) ports.set(port.number, [{ service, port }]);
      else group.push({ service, port });
    }
  }
  return ports;
}

/** True where a service has single addresses that listeners can be named after. */
export function hasOwnListener(service: ServiceShape): boolean {
  return service.addresses.some(isIp);
}

/** The virtual host of one service port that serves every domain: where the address already says which service it is. */
export function wholeServiceRoute(scope: Scope, service: ServiceShape, port: number): CompiledResource {
  const name = serviceRoute(service.hostname, port);
  return resourceWith(RouteConfigurationSchema, name, routeConfiguration(name, []), [serviceHost(scope, service, port, '*')]);
}

/** What listeners that every service on a port shares name their routes after: the port, or the path of a Unix socket. */
export function egressRoute({ port, bind }: PortScope['listener']): string {
  return port.number === 0 ? bind : String(port.number);
}

type Members = readonly { readonly service: ServiceShape; readonly port: ServicePort }[];

function portRoute(scope: Scope, port: number, members: Members): CompiledResource {
  const hosts = members.map(({ service }) => servicePlan(scope, service, port, domainsOf(scope, service)));
  if (port === 80) hosts.push(...routeOnlyHosts(scope));
  return hostsResource(String(port), hosts, unknownHost(scope), true);
}

/** The routes of a port that a Sidecar names; those of an HTTP proxy and of a Unix socket know every port of the services. */
export function egressRoutes({ listener, scope }: PortScope): CompiledResource[] {
  const { port } = listener;
  const knowsPorts = port.number === 0 || port.protocol === 'http-proxy';
  if (port.protocol !== 'http-proxy' && !isHttp(port.protocol)) return [];
  if (knowsPorts) return [everyPortRoute(scope, egressRoute(listener), (named, ported) => [...named, ...ported], unknownHost(scope))];
  // as in Istio, a host is one that speaks HTTP in truth
  return [...httpPorts(scope)].map(([number, members]) => {
    const speaking = members.filter(({ service: { hostname } }) => {
      const own = scope.services.get(hostname)?.ports.find((each) => each.number === number);
      return own !== undefined && (isHttp(own.protocol) || own.protocol === 'auto');
    });
    return portRoute(scope, number, speaking);
  });
}

/** Route configurations `<port>` and, for sniffed ports, `<host>:<port>`. */
export function outboundRoutes(scope: Scope): CompiledResource[] {
  const own = new Set(scope.ports.map(({ listener }) => listener.port.number));
  const routes = scope.ports.flatMap(egressRoutes);
  for (const [port, members] of httpPorts(scope)) if (!own.has(port)) routes.push(portRoute(scope, port, members));
  for (const service of scope.called.values()) {
    if (!hasOwnListener(service)) continue;
    for (const port of service.ports) if (port.protocol === 'auto') routes.push(wholeServiceRoute(scope, service, port.number));
  }
  return routes;
}

/** Every HTTP port of every service by `host:port`; `domains` chooses of the names alone and with the port. */
function everyPortRoute(
  scope: Scope,
  name: string,
  domains: (named: readonly string[], ported: readonly string[], port: number) => readonly string[],
  otherwise: VirtualHost,
): CompiledResource {
  const hosts = [...scope.called.values()].flatMap((service) =>
    service.ports
      .filter(({ protocol }) => isHttp(protocol) || protocol === 'auto')
      .map(({ number }) => {
        const named = domainsOf(scope, service);
        const ported = named.map((domain) => `${domain}:${number}`);
        return servicePlan(scope, service, number, domains(named, ported, number));
      }),
  );
  hosts.push(...routeOnlyHosts(scope).map((host) => ({ ...host, domains: host.domains.flatMap((domain) => [domain, `${domain}:80`]) })));
  return hostsResource(name, hosts, otherwise, false);
}

/** The route configuration of explicit mode's HTTP proxy: every service by `host:port`, and by host alone on port 80. */
export function httpProxyRoute(scope: Scope): CompiledResource {
  const domains = (named: readonly string[], ported: readonly string[], port: number) => (port === 80 ? [...named, ...ported] : ported);
  // without interception there is no original destination to pass unknown hosts to
  const { mode, egressProxy } = scope.outbound;
  const otherwise = mode === 'ALLOW_ANY' && egressProxy !== undefined ? unknownHost(scope) : blockAll();
  return everyPortRoute(wholeScope(scope), HTTP_PROXY_ROUTE, domains, otherwise);
}
