/** Route configurations of a sidecar's outgoing HTTP: by port, by service for sniffed ports, and for its HTTP proxy. */
import { create } from '@bufbuild/protobuf';
import { patchedMap } from '../../core/patched-map.ts';
import type { RouteSet } from '../../model/route.ts';
import { isHttp, type ServicePort } from '../../model/service.ts';
import { type VirtualHost, VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { directResponse } from './route-action.ts';
import { defaultRoute, httpRoutes, plainRoute } from './http-routes.ts';
import { isIp } from './any.ts';
import { changedHosts, encodedHosts, type HostPlan } from './encoded-hosts.ts';
import { unknownCluster } from './unknown-cluster.ts';
import { memoised } from './memo.ts';
import { serviceRoute } from './names.ts';
import { metadataOf } from './provenance.ts';
import { headersOf } from './proxy-headers.ts';
import { type CompiledResource, type EncodedPart, partOf, resourceWith } from './resource.ts';
import { matchAll } from './route-match.ts';
import { hostSpecificity } from './hosts.ts';
import { following, type Replaced } from './route-lists.ts';
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

function indexRoutes(routes: Scope['routes']): RouteIndex {
  const exact = new Map<string, RouteSet>();
  const wildcards: [string, RouteSet][] = [];
  for (const set of routes) {
    if (!set.gateways.includes('mesh')) continue;
    for (const host of set.hosts) {
      if (host.startsWith('*')) wildcards.push([host, set]);
      if (!exact.has(host)) exact.set(host, set);
    }
  }
  return { exact, wildcards: wildcards.toSorted(([a], [b]) => b.length - a.length) };
}

/** True where other rules are all that an edit of a route set changes for whoever finds it by host. */
function haveSameHosts({ was, is }: Replaced): boolean {
  const isHost = (host: string, i: number): boolean => host === is.hosts[i] && !host.startsWith('*');
  return was.hosts.length === is.hosts.length && was.hosts.every(isHost) && was.gateways.includes('mesh') === is.gateways.includes('mesh');
}

const routeIndex = following(indexRoutes, ({ exact, wildcards }, replaced) => {
  if (!replaced.every(haveSameHosts)) return undefined;
  // of several sets for a host the first counts, which may be another one
  const edits = replaced.flatMap(({ was, is }) =>
    is.hosts.flatMap((host): [string, RouteSet][] => (exact.get(host) === was ? [[host, is]] : [])),
  );
  return { exact: patchedMap(exact, edits), wildcards };
});

/** The one route set for `host` that sidecars follow: of the most specific pattern the oldest. */
export const routeSetOf = queried((scope: Scope, host: string): RouteSet | undefined => {
  const { exact, wildcards } = routeIndex(scope.routes);
  return exact.get(host) ?? wildcards.find(([pattern]) => hostSpecificity(pattern, host) >= 0)?.[1];
});

/** Who calls, as far as names of services depend on it. */
interface Caller {
  readonly namespace: string;
  readonly domainSuffix: string;
}

/** Names that a client may call a service by. */
function domainsOf(caller: Caller, service: ServiceShape): string[] {
  const { hostname, name, namespace, addresses } = service;
  const domains = [hostname, `${hostname}.`];
  if (hostname === `${name}.${namespace}.svc.${caller.domainSuffix}`) {
    if (namespace === caller.namespace) domains.push(name);
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

/** A route configuration to be. */
export interface TablePlan {
  readonly name: string;
  readonly scope: Scope;
  /** Virtual hosts by services, and by routes alone: of two that have a domain the first keeps it. The same lists while their domains are. */
  readonly groups: () => readonly (readonly HostPlan[])[];
  /** What takes the hosts that no other does. */
  readonly otherwise: VirtualHost;
  readonly ignoresPort: boolean;
}

const NO_HOSTS: readonly HostPlan[] = [];

const DOMAIN_SEPARATOR = '\n';

/** A service's virtual host, the same bytes for every client whose rules and services are the same. */
const serviceHost = traced((scope: Scope, service: ServiceShape, port: number, domains: string): EncodedPart =>
  encodedHost(serviceVirtualHost(scope, service, port, domains.split(DOMAIN_SEPARATOR))),
);

function servicePlan(service: ServiceShape, port: number, domains: readonly string[]): HostPlan {
  return { host: service.hostname, domains, encode: (scope, left) => serviceHost(scope, service, port, left.join(DOMAIN_SEPARATOR)) };
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
const routeOnlyHosts = memoised((scope: Scope): readonly HostPlan[] => {
  const kept = lastRouteOnly(scope.client, scope.called);
  const changed = kept.scope && changedHosts(kept.scope, scope);
  // most changes are of routes for services
  if (changed === undefined || [...changed].some((host) => !scope.called.has(host))) kept.hosts = routeOnlyPlans(scope);
  kept.scope = scope;
  return kept.hosts;
});

const lastRouteOnly = memoised(
  (_client: Scope['client'], _called: Scope['called']): { scope: Scope | undefined; hosts: readonly HostPlan[] } => ({
    scope: undefined,
    hosts: NO_HOSTS,
  }),
);

function routeOnlyPlans(scope: Scope): readonly HostPlan[] {
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
  if (hosts.size === 0) return NO_HOSTS;
  return [...hosts].map(([host, set]) => ({
    host,
    domains: [host],
    encode: (asking, domains) => routeOnlyHost(asking, set, host, domains.join(DOMAIN_SEPARATOR)),
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

/** A route configuration with all of its virtual hosts. */
export function wholeTable({ name, scope, groups, otherwise, ignoresPort }: TablePlan): CompiledResource {
  const [first = NO_HOSTS, second = NO_HOSTS] = groups();
  const parts = [...encodedHosts(scope, first, second), encodedHost(otherwise)];
  return resourceWith(RouteConfigurationSchema, name, routeConfiguration(name, [], ignoresPort), parts);
}

/** Ports on which some of the services speak HTTP, with these. */
const membersOf = memoised((called: Scope['called']): ReadonlyMap<number, Members> => {
  const ports = new Map<number, { service: ServiceShape; port: ServicePort }[]>();
  for (const service of called.values()) {
    for (const port of service.ports) {
      if (!isHttp(port.protocol) && !(port.protocol === 'auto' && !hasOwnListener(service))) continue;
      const group = ports.get(port.number);
      if (group === undefined) ports.set(port.number, [{ service, port }]);
      else group.push({ service, port });
    }
  }
  return ports;
});

/** Ports on which some visible service speaks HTTP, with the services. */
export function httpPorts(scope: Scope): ReadonlyMap<number, Members> {
  return membersOf(scope.called);
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

/** Services by the port that they are called at. */
export type Members = readonly { readonly service: ServiceShape; readonly port: ServicePort }[];

/** Virtual hosts of the services on a port: the same list while services and caller are. */
const portHosts = memoised((called: Scope['called'], namespace: string, domainSuffix: string, port: number): readonly HostPlan[] =>
  (membersOf(called).get(port) ?? []).map(({ service }) => servicePlan(service, port, domainsOf({ namespace, domainSuffix }, service))),
);

function callerOf({ client, settings }: Scope): Caller {
  return { namespace: client.namespace, domainSuffix: settings.domainSuffix };
}

/** `members`: not all services of the port. */
function portTable(scope: Scope, port: number, members?: Members): TablePlan {
  const caller = callerOf(scope);
  const { namespace, domainSuffix } = caller;
  const services = () =>
    members?.map(({ service }) => servicePlan(service, port, domainsOf(caller, service))) ??
    portHosts(scope.called, namespace, domainSuffix, port);
  return {
    name: String(port),
    scope,
    groups: () => [services(), port === 80 ? routeOnlyHosts(scope) : NO_HOSTS],
    otherwise: unknownHost(scope),
    ignoresPort: true,
  };
}

/** The routes of a port that a Sidecar names; those of an HTTP proxy and of a Unix socket know every port of the services. */
export function egressTables({ listener, scope }: PortScope): TablePlan[] {
  const { port } = listener;
  const knowsPorts = port.number === 0 || port.protocol === 'http-proxy';
  if (port.protocol !== 'http-proxy' && !isHttp(port.protocol)) return [];
  if (knowsPorts) return [everyPortTable(scope, egressRoute(listener), 'every', unknownHost(scope))];
  // as in Istio, a host is one that speaks HTTP in truth
  return [...httpPorts(scope)].map(([number, members]) => {
    const speaking = members.filter(({ service: { hostname } }) => {
      const own = scope.services.get(hostname)?.ports.find((each) => each.number === number);
      return own !== undefined && (isHttp(own.protocol) || own.protocol === 'auto');
    });
    return portTable(scope, number, speaking);
  });
}

/** Route configurations `<port>`. */
export function outboundTables(scope: Scope): TablePlan[] {
  const own = new Set(scope.ports.map(({ listener }) => listener.port.number));
  const tables = scope.ports.flatMap(egressTables);
  for (const port of httpPorts(scope).keys()) if (!own.has(port)) tables.push(portTable(scope, port));
  return tables;
}

/** Route configurations `<host>:<port>` of sniffed ports. */
export function sniffedRoutes(scope: Scope): CompiledResource[] {
  return [...scope.called.values()].flatMap((service) => {
    if (!hasOwnListener(service)) return [];
    return service.ports.flatMap((port) => (port.protocol === 'auto' ? [wholeServiceRoute(scope, service, port.number)] : []));
  });
}

/** Which names of a service mean a port of it: with the port's number, or alone, too. */
type Naming = 'every' | 'alone on 80';

const everyPortHosts = memoised((called: Scope['called'], namespace: string, domainSuffix: string, naming: Naming): readonly HostPlan[] =>
  [...called.values()].flatMap((service) => {
    const named = domainsOf({ namespace, domainSuffix }, service);
    return service.ports
      .filter(({ protocol }) => isHttp(protocol) || protocol === 'auto')
      .map(({ number }) => {
        const ported = named.map((domain) => `${domain}:${number}`);
        return servicePlan(service, number, naming === 'every' || number === 80 ? [...named, ...ported] : ported);
      });
  }),
);

const portedHosts = memoised((hosts: readonly HostPlan[]): readonly HostPlan[] =>
  hosts.map((host) => ({ ...host, domains: host.domains.flatMap((domain) => [domain, `${domain}:80`]) })),
);

/** Every HTTP port of every service by `host:port`. */
function everyPortTable(scope: Scope, name: string, naming: Naming, otherwise: VirtualHost): TablePlan {
  const { namespace, domainSuffix } = callerOf(scope);
  const groups = () => [everyPortHosts(scope.called, namespace, domainSuffix, naming), portedHosts(routeOnlyHosts(scope))];
  return { name, scope, groups, otherwise, ignoresPort: false };
}

/** The routes of explicit mode's HTTP proxy: every service by `host:port`, and by host alone on port 80. */
export function httpProxyTable(scope: Scope): TablePlan {
  // without interception there is no original destination to pass unknown hosts to
  const { mode, egressProxy } = scope.outbound;
  const otherwise = mode === 'ALLOW_ANY' && egressProxy !== undefined ? unknownHost(scope) : blockAll();
  return everyPortTable(wholeScope(scope), HTTP_PROXY_ROUTE, 'alone on 80', otherwise);
}
