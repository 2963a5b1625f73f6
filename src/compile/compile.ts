/**
 * From a mesh to what one proxy gets. Pure and memoised by identity: parts that a change did not touch are the same
 * objects, with the same bytes and version, for every proxy that sees the same.
 */
import type { Mesh } from '../model/mesh.ts';
import type { Sidecar } from '../model/sidecar.ts';
import { isOpaque } from '../model/service.ts';
import { shareFields } from './dialects/build/share.ts';
import { endpointMap } from './emit/endpoint-map.ts';
import { declaredPorts, openedPorts, type Patcher, patcherFor } from './emit/envoy-filter/apply.ts';
import type { TellPatch } from './emit/envoy-filter/site.ts';
import { explicitOutbound } from './emit/explicit.ts';
import { withFlows } from './emit/flow-log.ts';
import { gatewayOf, type Router } from './emit/gateway.ts';
import { serverNamePolicies } from './emit/hbone-inbound.ts';
import { originateClusters, originateListeners } from './emit/hbone-outbound.ts';
import { inboundOf, type Server } from './emit/inbound.ts';
import { gatewayPorts, inboundPorts, type Served, servedBy } from './emit/inbound-ports.ts';
import { lastOfEach, memoised } from './emit/memo.ts';
import { outboundClusters } from './emit/outbound-clusters.ts';
import { outboundListeners } from './emit/outbound-listeners.ts';
import { NO_VIRTUAL_HOSTS, openPatched, openRoutes, type OpenRoutes, openTable } from './emit/on-demand-hosts.ts';
import { outboundTables, sniffedRoutes, type TablePlan, wholeTable } from './emit/outbound-routes.ts';
import { hasIpv6Address, type ProxyNode } from './emit/proxy-node.ts';
import { namedServices, namesFor, namesIn } from './emit/names-of.ts';
import { byName, type CompiledResource, type ResourceMap } from './emit/resource.ts';
import { succeed } from './emit/route-lists.ts';
import { importsOf, sidecarFor } from './emit/imports.ts';
import { keptScope } from './emit/kept-scope.ts';
import { clientKey, type Scope, scopeOf, unrouted } from './emit/scope.ts';
import { secretsOf } from './emit/secrets.ts';
import { securityOf } from './emit/security.ts';
import { type ServiceShape, shapesOf } from './emit/shape.ts';
import { layered } from '../xds/layered.ts';
import { blackHole, outboundPassthrough } from './emit/special-clusters.ts';
import { settingsInForce } from './emit/telemetry-in-force.ts';
import { traced } from './emit/trace.ts';

export { type ProxyNode, proxyNodeOf } from './emit/proxy-node.ts';
export type { ResourceMap } from './emit/resource.ts';

/** What one proxy gets, by type and name, in order of name. */
export interface Compiled {
  readonly listeners: ResourceMap;
  readonly routes: ResourceMap;
  /** Virtual hosts of `routes` that are asked for host by host; they can be looked up, and not listed. */
  readonly virtualHosts: ResourceMap;
  readonly clusters: ResourceMap;
  readonly endpoints: ResourceMap;
  /** Certificates of gateways and clients by `credentialName`; `default` and `ROOTCA` are the control plane's own. */
  readonly secrets: ResourceMap;
  /** The one name table of the proxy's namespace; its name is empty, as istiod's. */
  readonly names: ResourceMap;
}

/** Shared by proxies whose listeners differ. */
const tablesOf = memoised(outboundTables);
/** Of most changes of routes nothing is read here: what is made of them stays. */
const sniffedFrom = traced((scope: Scope, _called: Scope['called']) => sniffedRoutes(scope));
const listenersFrom = traced((scope: Scope, _called: Scope['called']) => outboundListeners(scope));

/** A scope's outgoing side, whatever the proxy's own workload is. */
const interceptedOutbound = memoised((scope: Scope, listening: Scope) => ({
  listeners: listenersFrom(listening, listening.called),
  tables: tablesOf(scope),
  routes: sniffedFrom(scope, scope.called),
}));

const wholeTables = memoised((tables: readonly TablePlan[]): Part => tables.map(wholeTable));
const oneWhole = memoised(wholeTable);
const oneOpen = memoised(openTable);
/** Tables of a proxy that asks for virtual hosts. Those that an EnvoyFilter may change are made whole, and taken apart again. */
function openTables(tables: readonly TablePlan[], patched: Patcher): OpenRoutes | undefined {
  const opened = tables.map((plan) => {
    if (!patched.mayChangeRoutes(plan.name, 'SIDECAR_OUTBOUND')) return oneOpen(plan);
    const [whole] = patched.routes([oneWhole(plan)], 'SIDECAR_OUTBOUND');
    return whole === undefined ? oneOpen(plan) : openPatched(whole);
  });
  return openRoutes(opened);
}

const withSettings = memoised((scope: Scope, settings: Mesh['settings']): Scope => ({
  ...scope,
  settings,
  // the same list where there are none
  ports: scope.ports.length === 0 ? scope.ports : scope.ports.map((port) => ({ ...port, scope: { ...port.scope, settings } })),
}));

/** A mesh without what comes and goes all the time: its services have shapes instead of endpoints. */
type Still = Omit<Mesh, 'services' | 'instances'> & { readonly shapes: readonly ServiceShape[] };

/** The last one of each lineage of meshes. */
const stills = new WeakMap<Mesh['settings'], Still>();

/** The same object while only endpoints come and go. */
const stillOf = memoised((mesh: Mesh): Still => {
  const { services, instances: _, ...rest } = mesh;
  const { settings } = rest;
  const former = stills.get(settings);
  const still = shareFields(former, { ...rest, shapes: shapesOf(services, settings) });
  if (former !== undefined) succeed(former.routes, still.routes);
  stills.set(settings, still);
  return still;
});

/** `scope` as its proxy's listeners have it, which Telemetries say more of than of clusters and routes. */
function listeningScope(mesh: Still, proxy: ProxyNode, scope: Scope): Scope {
  const settings = withFlows(settingsInForce(scope.settings, mesh, mesh.shapes, proxy), proxy);
  return settings === scope.settings ? scope : withSettings(scope, settings);
}

const clustersFrom = traced((scope: Scope, _services: Scope['services']): readonly CompiledResource[] => [
  ...outboundClusters(scope),
  blackHole(scope.settings),
  outboundPassthrough(scope.settings),
]);

const clustersIn = memoised((scope: Scope) => clustersFrom(scope, scope.services));

/** Clusters of a scope: the same while only its routes change. */
const clustersOf = memoised((scope: Scope) => clustersIn(unrouted(scope)));

type Part = readonly CompiledResource[];

const sorted = memoised((part: Part): ResourceMap => byName(part));

/** Parts in layers: what is a proxy's own does not keep the rest from being shared. */
const joined = memoised((first: Part, second: Part, third: Part): ResourceMap => layered(sorted(first), sorted(second), sorted(third)));

const NO_NAMES: ResourceMap = new Map();

/** All of a proxy's configuration that does not follow single endpoints, and what it is made of. */
interface Frame extends Parts {
  readonly scope: Scope;
  readonly own: Sidecar | undefined;
}

/** What a proxy's endpoints and names follow: the same object for all proxies that see the same. */
interface Outlook {
  readonly scope: Scope;
  readonly own: Sidecar | undefined;
}

type Parts = Omit<Compiled, 'endpoints' | 'names'>;

/** Gives all of a configuration for endpoints and names: the same object while these stay. */
type Assemble = (endpoints: ResourceMap, names: ResourceMap) => Compiled;

/** One for proxies with equal parts, so that they share what is assembled. Endpoints come and go: only the last ones are kept. */
const assembler = memoised(
  (listeners: ResourceMap, routes: ResourceMap, virtualHosts: ResourceMap, clusters: ResourceMap, secrets: ResourceMap): Assemble => {
    let last: Compiled | undefined;
    return (endpoints, names) => {
      if (last?.endpoints !== endpoints || last.names !== names)
        last = { listeners, routes, virtualHosts, clusters, endpoints, secrets, names };
      return last;
    };
  },
);

/** The key of a proxy's server: an edit is compiled for a thousand, and seldom changes one. */
const serverKey = lastOfEach((proxy: ProxyNode, served: readonly Served[], own: Sidecar | undefined): string => {
  const { namespace, labels, userAgent } = proxy;
  const sorted = Object.fromEntries(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const ports = inboundPorts(served, proxy, own);
  // what is a single proxy's own keeps it from sharing a compile
  const takesTunnels = proxy.hbonePort !== undefined && ports.some(({ protocol }) => isOpaque(protocol));
  const server: Server = {
    namespace,
    labels: sorted,
    userAgent,
    isIntercepted: proxy.interception === 'REDIRECT',
    hasIpv6: hasIpv6Address(proxy),
    address: proxy.interception === 'REDIRECT' ? '' : (proxy.addresses[0] ?? '127.0.0.1'),
    ports,
    addresses: takesTunnels ? proxy.addresses : [],
    hbonePort: takesTunnels ? (proxy.hbonePort ?? 0) : 0,
  };
  return JSON.stringify(server);
});

const NOTHING: Part = [];
const NO_TABLES: readonly TablePlan[] = [];
const NO_GATEWAYS: Mesh['gateways'] = [];

function sidecar(
  mesh: Still,
  proxy: ProxyNode,
  served: readonly Served[],
  scope: Scope,
  own: Sidecar | undefined,
  tell?: TellPatch,
): Frame {
  const listening = listeningScope(mesh, proxy, scope);
  const outbound =
    proxy.interception === 'REDIRECT'
      ? interceptedOutbound(scope, listening)
      : proxy.explicit === undefined
        ? { listeners: NOTHING, tables: NO_TABLES, routes: NOTHING }
        : explicitOutbound(listening, JSON.stringify(proxy.explicit));
  const inbound = inboundOf(listening.settings, securityOf(mesh, mesh.shapes), serverKey(proxy, served, own));
  const portsOf = () => declaredPorts(inboundPorts(served, proxy, own), proxy);
  const patched = patcherFor(mesh.envoyFilters, mesh.settings.rootNamespace, proxy, portsOf, tell);
  const open = proxy.hasHostsOnDemand ? openTables(outbound.tables, patched) : undefined;
  return {
    scope,
    own,
    virtualHosts: open?.virtualHosts ?? NO_VIRTUAL_HOSTS,
    listeners: joined(
      patched.listeners(inbound.listeners, 'SIDECAR_INBOUND'),
      patched.listeners(outbound.listeners, 'SIDECAR_OUTBOUND'),
      originateListeners(scope, proxy),
    ),
    routes: joined(
      open?.resources ?? patched.routes(wholeTables(outbound.tables), 'SIDECAR_OUTBOUND'),
      patched.routes(outbound.routes, 'SIDECAR_OUTBOUND'),
      NOTHING,
    ),
    clusters: joined(
      patched.clusters(clustersOf(scope), 'SIDECAR_OUTBOUND'),
      patched.clusters(inbound.clusters, 'SIDECAR_INBOUND'),
      originateClusters(scope),
    ),
    secrets: secretsOf(scope, mesh.secrets, NO_GATEWAYS),
  };
}

function router(mesh: Still, proxy: ProxyNode, served: readonly Served[], scope: Scope, tell?: TellPatch): Frame {
  const { namespace, labels } = proxy;
  const host = proxy.interception === 'NONE' ? '127.0.0.1' : '0.0.0.0';
  const ports = gatewayPorts(served, proxy);
  const key = JSON.stringify({ namespace, labels, host, ports } satisfies Router);
  const security = securityOf(mesh, mesh.shapes);
  const { listeners, routes } = gatewayOf(listeningScope(mesh, proxy, scope), mesh.gateways, security, key);
  const patched = patcherFor(mesh.envoyFilters, mesh.settings.rootNamespace, proxy, () => openedPorts(ports), tell);
  return {
    scope,
    own: undefined,
    virtualHosts: NO_VIRTUAL_HOSTS,
    listeners: joined(patched.listeners(listeners, 'GATEWAY'), originateListeners(scope, proxy), NOTHING),
    routes: joined(patched.routes(routes, 'GATEWAY'), NOTHING, NOTHING),
    clusters: joined(patched.clusters(clustersOf(scope), 'GATEWAY'), originateClusters(scope), NOTHING),
    secrets: secretsOf(scope, mesh.secrets, mesh.gateways),
  };
}

function frame(mesh: Still, proxy: ProxyNode, served: readonly Served[], tell?: TellPatch): Frame {
  const own = sidecarFor(mesh.sidecars, mesh.settings.rootNamespace, proxy);
  const imports = importsOf(mesh.shapes, mesh.routes, proxy.namespace, own);
  const key = clientKey(mesh, proxy);
  const made = scopeOf(imports, mesh.destinationPolicies, mesh.settings, key, own?.outboundTrafficPolicy);
  const scope = keptScope(made, `${key} ${own?.namespace} ${own?.name}`);
  return proxy.role === 'router' ? router(mesh, proxy, served, scope, tell) : sidecar(mesh, proxy, served, scope, own, tell);
}

const outlookOf = memoised((scope: Scope, own: Sidecar | undefined): Outlook => ({ scope, own }));

/** `served` is what of the services' endpoints concerns the proxy itself: those at its own addresses. */
const frameOf = lastOfEach((proxy: ProxyNode, still: Still, served: readonly Served[]) => {
  const { scope, own, listeners, routes, virtualHosts, clusters, secrets } = frame(still, proxy, served);
  return { outlook: outlookOf(scope, own), assemble: assembler(listeners, routes, virtualHosts, clusters, secrets) };
});

/** Tells of each patch of an EnvoyFilter that changes what `proxy` gets. */
export function tellPatches(mesh: Mesh, proxy: ProxyNode, tell: TellPatch): void {
  frame(stillOf(mesh), proxy, servedBy(mesh.services, proxy), tell);
}

/** What of a configuration follows single endpoints. */
type Moving = Pick<Compiled, 'endpoints' | 'names'>;

function movingOf({ services, settings, peerAuthentications, authorizationPolicies }: Mesh, { scope, own }: Outlook): Moving {
  const { role, namespace } = scope.client;
  const endpoints = endpointMap(scope, services, peerAuthentications, serverNamePolicies(authorizationPolicies));
  const named = namedServices(services, settings);
  if (role === 'router') return { endpoints, names: NO_NAMES };
  return { endpoints, names: own === undefined ? namesFor(named, settings, namespace) : namesIn(scope.visible, named, settings) };
}

/** What of a mesh is the same for all proxies, and what was found for those that see the same. */
const momentOf = memoised((mesh: Mesh) => ({ still: stillOf(mesh), moving: new Map<Outlook, Moving>() }));

/** Compiles what `proxy` gets of `mesh`. Throws ConfigError naming a field that xDS cannot express. */
export function compile(mesh: Mesh, proxy: ProxyNode): Compiled {
  const { still, moving } = momentOf(mesh);
  const { outlook, assemble } = frameOf(proxy, still, servedBy(mesh.services, proxy));
  const known = moving.get(outlook) ?? movingOf(mesh, outlook);
  moving.set(outlook, known);
  return assemble(known.endpoints, known.names);
}
