/**
 * From a mesh to what one proxy gets. Pure and memoised by identity: parts that a change did not touch are the same
 * objects, with the same bytes and version, for every proxy that sees the same.
 */
import type { Mesh } from '../model/mesh.ts';
import type { Sidecar } from '../model/sidecar.ts';
import { isOpaque, type Service, type ServicePort } from '../model/service.ts';
import { endpointsOf } from './emit/endpoints.ts';
import { effectivePolicy, portPolicy } from './emit/destination-policy.ts';
import { declaredPorts, openedPorts, patcherFor } from './emit/envoy-filter/apply.ts';
import { explicitOutbound } from './emit/explicit.ts';
import { gatewayOf, type Router } from './emit/gateway.ts';
import { serverNamePolicies } from './emit/hbone-inbound.ts';
import { originateClusters, originateIn, originateListeners } from './emit/hbone-outbound.ts';
import { inboundOf, type Server } from './emit/inbound.ts';
import { gatewayPorts, inboundPorts } from './emit/inbound-ports.ts';
import { memoised } from './emit/memo.ts';
import { outboundClusters } from './emit/outbound-clusters.ts';
import { outboundListeners } from './emit/outbound-listeners.ts';
import { outboundRoutes } from './emit/outbound-routes.ts';
import { hasIpv6Address, type ProxyNode } from './emit/proxy-node.ts';
import { nearnessIn } from './emit/nearness.ts';
import { nameTableOf } from './emit/name-table.ts';
import { byName, type CompiledResource, resourceOf, type ResourceMap } from './emit/resource.ts';
import { isExported } from './emit/hosts.ts';
import { importsOf, sidecarFor, type View } from './emit/imports.ts';
import { clientKey, type Scope, scopeOf } from './emit/scope.ts';
import { secretsOf } from './emit/secrets.ts';
import { securityOf } from './emit/security.ts';
import { type ServiceShape, shapesOf } from './emit/shape.ts';
import { NameTableSchema } from '../xds/gen/istio/networking/nds/v1/nds_pb.ts';
import { blackHole, outboundPassthrough } from './emit/special-clusters.ts';
import { settingsInForce } from './emit/telemetry-in-force.ts';

export { type ProxyNode, proxyNodeOf } from './emit/proxy-node.ts';
export type { ResourceMap } from './emit/resource.ts';

/** What one proxy gets, by type and name, in order of name. */
export interface Compiled {
  readonly listeners: ResourceMap;
  readonly routes: ResourceMap;
  readonly clusters: ResourceMap;
  readonly endpoints: ResourceMap;
  /** Certificates of gateways and clients by `credentialName`; `default` and `ROOTCA` are the control plane's own. */
  readonly secrets: ResourceMap;
  /** The one name table of the proxy's namespace; its name is empty, as istiod's. */
  readonly names: ResourceMap;
}

/** A scope's outgoing side, whatever the proxy's own workload is. */
const interceptedOutbound = memoised((scope: Scope, listening: Scope) => ({
  listeners: outboundListeners(listening),
  routes: outboundRoutes(scope),
}));

const withSettings = memoised((scope: Scope, settings: Mesh['settings']): Scope => ({
  ...scope,
  settings,
  ports: scope.ports.map((port) => ({ ...port, scope: { ...port.scope, settings } })),
}));

/** `scope` as its proxy's listeners have it, which Telemetries say more of than of clusters and routes. */
function listeningScope(mesh: Mesh, proxy: ProxyNode, scope: Scope): Scope {
  const settings = settingsInForce(scope.settings, mesh, shapesOf(mesh.services, mesh.settings), proxy);
  return settings === scope.settings ? scope : withSettings(scope, settings);
}

const clustersOf = memoised((scope: Scope): readonly CompiledResource[] => [
  ...outboundClusters(scope),
  blackHole(scope.settings),
  outboundPassthrough(scope.settings),
]);

/** Services as the mesh has them now, by host and namespace: shapes have no endpoints. */
const servicesByName = memoised(
  (services: readonly Service[]): ReadonlyMap<string, Service> =>
    new Map(services.toReversed().map((service) => [serviceKey(service), service])),
);

function serviceKey({ namespace, hostname, origin }: Pick<Service, 'namespace' | 'hostname' | 'origin'>): string {
  return `${namespace}/${hostname}/${origin.kind}/${origin.name}`;
}

/** The ports of `shape`, as `service` has them: a Sidecar may show some of them only. */
function portsOf(service: Service, shape: ServiceShape): readonly ServicePort[] {
  if (shape.ports.length === service.ports.length) return service.ports;
  return service.ports.filter(({ number }) => shape.ports.some((port) => port.number === number));
}

const endpointMap = memoised(
  (
    scope: Scope,
    services: Mesh['services'],
    peerAuthentications: Mesh['peerAuthentications'],
    policies: Mesh['authorizationPolicies'],
  ): ResourceMap => {
    const byKey = servicesByName(services);
    const resources: CompiledResource[] = [];
    for (const shape of scope.services.values()) {
      const service = byKey.get(serviceKey(shape));
      if (service === undefined || service.resolution !== 'static') continue;
      for (const port of portsOf(service, shape)) {
        const effective = effectivePolicy(scope, shape);
        for (const subset of [undefined, ...effective.subsets]) {
          const nearness = nearnessIn(scope, portPolicy(effective, subset, port.number));
          const originate = originateIn(scope, shape, port, subset);
          resources.push(endpointsOf(service, port, subset, peerAuthentications, scope.settings, policies, originate, nearness));
        }
      }
    }
    return byName(resources);
  },
);

type Part = readonly CompiledResource[];

const joined = memoised((first: Part, second: Part, third: Part): ResourceMap => byName(first, second, third));

/** A namespace's name table. Depends on services alone: a headless one's endpoints are in it. */
const namesFor = memoised((services: Mesh['services'], settings: Mesh['settings'], namespace: string): ResourceMap =>
  tableOf(
    services.filter((service) => isExported(service.exportTo, service.namespace, namespace)),
    settings,
  ),
);

/** The name table of those who see `visible`, which a Sidecar says. */
const namesIn = memoised((visible: View, services: Mesh['services'], settings: Mesh['settings']): ResourceMap => {
  const byKey = servicesByName(services);
  return tableOf(
    [...visible.called.values()].map((shape) => byKey.get(serviceKey(shape))).filter((service) => service !== undefined),
    settings,
  );
});

function tableOf(services: readonly Service[], settings: Mesh['settings']): ResourceMap {
  return byName([resourceOf(NameTableSchema, '', nameTableOf(services, settings))]);
}

const NO_NAMES: ResourceMap = new Map();

const assembled = memoised(
  (
    listeners: ResourceMap,
    routes: ResourceMap,
    clusters: ResourceMap,
    endpoints: ResourceMap,
    secrets: ResourceMap,
    names: ResourceMap,
  ): Compiled => ({ listeners, routes, clusters, endpoints, secrets, names }),
);

function serverKey(mesh: Mesh, proxy: ProxyNode, own: Sidecar | undefined): string {
  const { namespace, labels, userAgent } = proxy;
  const sorted = Object.fromEntries(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const ports = inboundPorts(mesh.services, proxy, own);
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
}

const NOTHING: Part = [];
const NO_GATEWAYS: Mesh['gateways'] = [];

function sidecar(mesh: Mesh, proxy: ProxyNode, scope: Scope, own: Sidecar | undefined): Compiled {
  const listening = listeningScope(mesh, proxy, scope);
  const outbound =
    proxy.interception === 'REDIRECT'
      ? interceptedOutbound(scope, listening)
      : proxy.explicit === undefined
        ? { listeners: NOTHING, routes: NOTHING }
        : explicitOutbound(listening, JSON.stringify(proxy.explicit));
  const security = securityOf(mesh, shapesOf(mesh.services, mesh.settings));
  const inbound = inboundOf(listening.settings, security, serverKey(mesh, proxy, own));
  const patched = patcherFor(mesh.envoyFilters, mesh.settings.rootNamespace, proxy, () =>
    declaredPorts(inboundPorts(mesh.services, proxy, own), proxy),
  );
  return assembled(
    joined(
      patched.listeners(inbound.listeners, 'SIDECAR_INBOUND'),
      patched.listeners(outbound.listeners, 'SIDECAR_OUTBOUND'),
      originateListeners(scope, proxy),
    ),
    joined(patched.routes(outbound.routes, 'SIDECAR_OUTBOUND'), NOTHING, NOTHING),
    joined(
      patched.clusters(clustersOf(scope), 'SIDECAR_OUTBOUND'),
      patched.clusters(inbound.clusters, 'SIDECAR_INBOUND'),
      originateClusters(scope),
    ),
    endpointMap(scope, mesh.services, mesh.peerAuthentications, serverNamePolicies(mesh.authorizationPolicies)),
    secretsOf(scope, mesh.secrets, NO_GATEWAYS),
    own === undefined ? namesFor(mesh.services, mesh.settings, proxy.namespace) : namesIn(scope.visible, mesh.services, mesh.settings),
  );
}

function router(mesh: Mesh, proxy: ProxyNode, scope: Scope): Compiled {
  const { namespace, labels } = proxy;
  const host = proxy.interception === 'NONE' ? '127.0.0.1' : '0.0.0.0';
  const key = JSON.stringify({ namespace, labels, host, ports: gatewayPorts(mesh.services, proxy) } satisfies Router);
  const security = securityOf(mesh, shapesOf(mesh.services, mesh.settings));
  const { listeners, routes } = gatewayOf(listeningScope(mesh, proxy, scope), mesh.gateways, security, key);
  const patched = patcherFor(mesh.envoyFilters, mesh.settings.rootNamespace, proxy, () => openedPorts(gatewayPorts(mesh.services, proxy)));
  return assembled(
    joined(patched.listeners(listeners, 'GATEWAY'), originateListeners(scope, proxy), NOTHING),
    joined(patched.routes(routes, 'GATEWAY'), NOTHING, NOTHING),
    joined(patched.clusters(clustersOf(scope), 'GATEWAY'), originateClusters(scope), NOTHING),
    endpointMap(scope, mesh.services, mesh.peerAuthentications, serverNamePolicies(mesh.authorizationPolicies)),
    secretsOf(scope, mesh.secrets, mesh.gateways),
    NO_NAMES,
  );
}

/** Compiles what `proxy` gets of `mesh`. Throws ConfigError naming a field that xDS cannot express. */
export function compile(mesh: Mesh, proxy: ProxyNode): Compiled {
  const shapes = shapesOf(mesh.services, mesh.settings);
  const own = sidecarFor(mesh.sidecars, mesh.settings.rootNamespace, proxy);
  const imports = importsOf(shapes, mesh.routes, proxy.namespace, own);
  const scope = scopeOf(imports, mesh.destinationPolicies, mesh.settings, clientKey(mesh, proxy), own?.outboundTrafficPolicy);
  return proxy.role === 'router' ? router(mesh, proxy, scope) : sidecar(mesh, proxy, scope, own);
}
