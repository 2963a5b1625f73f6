/**
 * What workloads see of the mesh: all that is exported to their namespace, or what the Sidecar that applies lets them see
 * of it, listener by listener. Depends on namespace and Sidecar alone, so that all proxies of both share it.
 */
import { selects } from '../../model/match.ts';
import type { Destination, RouteSet } from '../../model/route.ts';
import type { EgressHost, EgressListener, Sidecar } from '../../model/sidecar.ts';
import { isSameList, keptList, withElements } from '../dialects/build/changed-positions.ts';
import { shareFields } from '../dialects/build/share.ts';
import { hostSpecificity, isExported } from './hosts.ts';
import { memoised } from './memo.ts';
import type { ProxyNode } from './proxy-node.ts';
import { following, type Replaced, succeed } from './route-lists.ts';
import type { ServiceShape } from './shape.ts';

/** What an application may call in one way. */
export interface View {
  /** Services by host, in the mesh's order. */
  readonly called: ReadonlyMap<string, ServiceShape>;
  /** Route sets, those that only the own namespace sees first, then those for some namespaces, each in the mesh's order. */
  readonly routes: readonly RouteSet[];
}

export interface PortView extends View {
  readonly listener: EgressListener & { readonly port: NonNullable<EgressListener['port']> };
}

export interface Imports extends View {
  /** Called services, and those that route sets lead to besides: whatever needs clusters. */
  readonly services: ReadonlyMap<string, ServiceShape>;
  /** Ports that show something else than the rest, which is `called` and `routes`. */
  readonly ports: readonly PortView[];
  /** All views together. */
  readonly visible: View;
}

/** The Sidecar of a proxy: one that selects it, else its namespace's, else the root namespace's; of several the oldest. */
export function sidecarFor(
  sidecars: readonly Sidecar[],
  rootNamespace: string,
  { namespace, labels, role }: Pick<ProxyNode, 'namespace' | 'labels' | 'role'>,
): Sidecar | undefined {
  if (role !== 'sidecar') return undefined;
  const own = sidecars.filter((sidecar) => sidecar.namespace === namespace);
  return (
    own.find(({ selector }) => selector !== undefined && selects(selector, labels)) ??
    own.find(({ selector }) => selector === undefined) ??
    sidecars.find((sidecar) => sidecar.namespace === rootNamespace && sidecar.selector === undefined)
  );
}

/** Prefers the client's own namespace, then Kubernetes' services over others; else the former, older one stays. */
function isPreferred(next: ServiceShape, former: ServiceShape, namespace: string): boolean {
  const rank = (service: ServiceShape) => (service.namespace === namespace ? 2 : 0) + (service.origin.kind === 'Service' ? 1 : 0);
  return rank(next) > rank(former);
}

function oneOfEachHost(shapes: Iterable<ServiceShape>, namespace: string): Map<string, ServiceShape> {
  const services = new Map<string, ServiceShape>();
  for (const shape of shapes) {
    const former = services.get(shape.hostname);
    if (former !== undefined && !isPreferred(shape, former, namespace)) continue;
    // in its own place, so that a service which nobody here sees moves nothing
    services.delete(shape.hostname);
    services.set(shape.hostname, shape);
  }
  return services;
}

function isForAll({ exportTo }: RouteSet): boolean {
  return exportTo.length === 0 || exportTo.includes('*');
}

interface Reach {
  readonly some: readonly RouteSet[];
  readonly all: readonly RouteSet[];
}

/** `routes` with others in the place of some, as the next of them. */
function withReplaced(routes: readonly RouteSet[], replaced: readonly Replaced[]): readonly RouteSet[] {
  const next = withElements(routes, new Map(replaced.map(({ was, is }) => [routes.indexOf(was), is])));
  succeed(routes, next);
  return next;
}

/** Route sets by how far they are seen: the same list while none of it changes. */
const byReach = following<Reach>(
  (routes) => ({ some: routes.filter((set) => !isForAll(set)), all: routes.filter(isForAll) }),
  ({ some, all }, replaced) => {
    if (replaced.some(({ was, is }) => isForAll(was) !== isForAll(is))) return undefined;
    const [ofAll, ofSome] = [replaced.filter(({ is }) => isForAll(is)), replaced.filter(({ is }) => !isForAll(is))];
    return { some: withReplaced(some, ofSome), all: withReplaced(all, ofAll) };
  },
);

/** The same list for all that see nothing of their own. */
function exportedRoutes(routes: readonly RouteSet[], viewer: string): readonly RouteSet[] {
  const { some, all } = byReach(routes);
  const own = some.filter(({ exportTo, namespace }) => isExported(exportTo, namespace, viewer));
  if (own.length === 0) return all;
  // those that only the namespace itself sees first
  return [...own.filter(({ namespace }) => namespace === viewer), ...own.filter(({ namespace }) => namespace !== viewer), ...all];
}

/** Hosts of one listener by their namespace; `*` are those of any. */
interface HostFilter {
  readonly shown: ReadonlyMap<string, readonly string[]>;
  readonly hidden: ReadonlyMap<string, readonly string[]>;
}

function filterOf(hosts: readonly EgressHost[], viewer: string): HostFilter {
  const group = (isExcluded: boolean) => {
    const groups = new Map<string, string[]>();
    for (const each of hosts) {
      if (each.isExcluded !== isExcluded) continue;
      const namespace = each.namespace === '.' ? viewer : each.namespace;
      const known = groups.get(namespace);
      if (known === undefined) groups.set(namespace, [each.host]);
      else known.push(each.host);
    }
    return groups;
  };
  return { shown: group(false), hidden: group(true) };
}

function isAmong(groups: ReadonlyMap<string, readonly string[]>, namespace: string, covers: (pattern: string) => boolean): boolean {
  return [groups.get(namespace), groups.get('*')].some((patterns) => patterns?.some(covers) === true);
}

function isHidden({ hidden }: HostFilter, namespace: string, host: string): boolean {
  return hidden.size > 0 && isAmong(hidden, namespace, (pattern) => hostSpecificity(pattern, host) >= 0);
}

function showsService(filter: HostFilter, { namespace, hostname }: ServiceShape): boolean {
  if (isHidden(filter, namespace, hostname)) return false;
  return isAmong(filter.shown, namespace, (pattern) => hostSpecificity(pattern, hostname) >= 0);
}

/** A route set comes in by the namespace that it is in; its hosts may be wider than those that are shown. */
function showsRoutes(filter: HostFilter, { namespace, hosts, gateways }: RouteSet): boolean {
  if (!gateways.includes('mesh')) return false;
  return hosts.some(
    (host) =>
      isAmong(filter.shown, namespace, (pattern) => hostSpecificity(pattern, host) >= 0 || hostSpecificity(host, pattern) >= 0) &&
      !isHidden(filter, namespace, host),
  );
}

const byHost = memoised((shapes: readonly ServiceShape[]) => Map.groupBy(shapes, ({ hostname }) => hostname));

/** Services that a filter may show, in the mesh's order: few where it names them all. */
function candidates(shapes: readonly ServiceShape[], { shown }: HostFilter): readonly ServiceShape[] {
  const named = [...shown.values()].flat();
  if (named.some((pattern) => pattern.startsWith('*'))) return shapes;
  const index = byHost(shapes);
  return [...new Set(named)].flatMap((host) => index.get(host) ?? []);
}

/** The service with some of its ports only, the same object each time. `protocol` is what clients speak to them. */
const trimmed = memoised((shape: ServiceShape, numbers: string, protocol: string): ServiceShape => {
  const wanted = new Set(numbers.split(',').map(Number));
  const ports = shape.ports.filter(({ number }) => wanted.has(number));
  const spoken = ports[0]?.protocol;
  if (ports.length === shape.ports.length && (protocol === '' || protocol === spoken)) return shape;
  return { ...shape, ports: ports.map((port) => ({ ...port, ...(protocol !== '' && { protocol: protocolNamed(protocol) }) })) };
});

function protocolNamed(protocol: string): ServiceShape['ports'][number]['protocol'] {
  const known = ['http', 'http2', 'grpc', 'grpc-web', 'https', 'tls', 'tcp', 'mongo', 'redis', 'mysql'] as const;
  return known.find((name) => name === protocol) ?? 'auto';
}

/** The port that a listener is for; undefined where it is for the ports that services have. */
function wantedPort({ port }: EgressListener): number | undefined {
  return port === undefined || port.number === 0 || port.protocol === 'http-proxy' ? undefined : port.number;
}

function servicesOf(shapes: readonly ServiceShape[], filter: HostFilter, listener: EgressListener, viewer: string) {
  const wanted = wantedPort(listener);
  const shown = candidates(shapes, filter).filter(
    (shape) =>
      isExported(shape.exportTo, shape.namespace, viewer) &&
      showsService(filter, shape) &&
      (wanted === undefined || shape.ports.some(({ number }) => number === wanted)),
  );
  const services = oneOfEachHost(shown, viewer);
  return wanted === undefined
    ? services
    : new Map([...services].map(([host, shape]): [string, ServiceShape] => [host, trimmed(shape, String(wanted), '')]));
}

/** Hosts and ports that a route set leads to from `viewer`; port 0 is any. */
function destinationsOf({ http, tls, tcp }: RouteSet, viewer: string): ReadonlyMap<string, ReadonlySet<number>> {
  const found = new Map<string, Set<number>>();
  const add = ({ host, port = 0 }: Destination) => {
    const ports = found.get(host) ?? new Set();
    found.set(host, ports.add(port));
  };
  for (const { matches, action, mirrors } of http) {
    const namespaces = matches.map(({ sourceNamespace }) => sourceNamespace).filter((name) => name !== undefined);
    if (namespaces.length > 0 && !namespaces.includes(viewer)) continue;
    if (action.kind === 'forward') for (const { destination } of action.destinations) add(destination);
    for (const { destination } of mirrors) add(destination);
  }
  for (const { destinations } of [...tls, ...tcp]) for (const { destination } of destinations) add(destination);
  return found;
}

/** The service's ports that are led to; undefined where it has none of them. */
function withPorts(shape: ServiceShape, ports: ReadonlySet<number>, listener: EgressListener): ServiceShape | undefined {
  const wanted = wantedPort(listener);
  const numbers = wanted !== undefined ? new Set([wanted]) : ports.has(0) ? undefined : ports;
  if (numbers === undefined) return shape;
  const own = shape.ports.filter(({ number }) => numbers.has(number)).map(({ number }) => number);
  return own.length === 0 ? undefined : trimmed(shape, own.join(','), '');
}

/** Adds a service, or the ports that one of its namespace has more. */
function merge(into: Map<string, ServiceShape>, next: ServiceShape): void {
  const former = into.get(next.hostname);
  if (former === undefined) into.set(next.hostname, next);
  else if (former.origin.kind !== 'Service' && next.origin.kind === 'Service') into.set(next.hostname, next);
  else if (former !== next && former.namespace === next.namespace && former.origin.kind === next.origin.kind)
    into.set(next.hostname, joined(former, next));
}

const joined = memoised((former: ServiceShape, next: ServiceShape): ServiceShape => {
  const added = next.ports.filter(({ number }) => former.ports.every((port) => port.number !== number));
  return added.length === 0 ? former : { ...former, ports: [...former.ports, ...added] };
});

/** Where nothing is said everything is shown. */
const EVERYTHING: EgressHost = { namespace: '*', host: '*', isExcluded: false };

function listenersOf({ egress, origin }: Sidecar): readonly EgressListener[] {
  return egress.length > 0 ? egress : [{ port: undefined, bind: '', isBound: false, hosts: [EVERYTHING], origin }];
}

interface Shown {
  readonly listener: EgressListener;
  readonly called: ReadonlyMap<string, ServiceShape>;
  readonly routes: readonly RouteSet[];
}

/** Services that need clusters: what is called first, so that it is not displaced by what routes lead to. */
function clusteredServices(shown: readonly Shown[], shapes: readonly ServiceShape[], viewer: string): Map<string, ServiceShape> {
  const services = new Map<string, ServiceShape>();
  const index = byHost(shapes);
  for (const { listener, called, routes } of shown) {
    for (const shape of called.values()) merge(services, shape);
    for (const set of routes) {
      for (const [host, ports] of destinationsOf(set, viewer)) {
        const seen = (index.get(host) ?? []).filter(({ exportTo, namespace }) => isExported(exportTo, namespace, viewer));
        const shape = oneOfEachHost(seen, viewer).get(host);
        const own = shape && withPorts(shape, ports, listener);
        if (own !== undefined) merge(services, own);
      }
    }
  }
  return services;
}

function visibleIn(shown: readonly Shown[]): View {
  const called = new Map<string, ServiceShape>();
  for (const each of shown) for (const shape of each.called.values()) merge(called, shape);
  return { called, routes: [...new Set(shown.flatMap(({ routes }) => routes))] };
}

/** What clients call at a listener speaks as the listener says. */
function spoken(called: ReadonlyMap<string, ServiceShape>, { port }: PortView['listener']): ReadonlyMap<string, ServiceShape> {
  if (port.number === 0 || port.protocol === 'http-proxy') return called;
  return new Map([...called].map(([host, shape]) => [host, trimmed(shape, String(port.number), port.protocol)]));
}

function portViews(shown: readonly Shown[]): PortView[] {
  return shown.flatMap(({ listener: { port, ...rest }, called, routes }) => {
    if (port === undefined) return [];
    const listener = { ...rest, port };
    return [{ listener, called: spoken(called, listener), routes }];
  });
}

const NOTHING: View = { called: new Map(), routes: [] };

/** Every service that is exported to a namespace: the same map while only routes change. */
const exportedServices = memoised((shapes: readonly ServiceShape[], viewer: string): ReadonlyMap<string, ServiceShape> => {
  const seen = shapes.filter(({ exportTo, namespace }) => isExported(exportTo, namespace, viewer));
  return oneOfEachHost(seen, viewer);
});

function computed(shapes: readonly ServiceShape[], routes: readonly RouteSet[], viewer: string, sidecar: Sidecar | undefined): Imports {
  const exported = exportedRoutes(routes, viewer);
  if (sidecar === undefined) {
    const view = { called: exportedServices(shapes, viewer), routes: exported };
    return { ...view, services: view.called, ports: [], visible: view };
  }
  const shown = listenersOf(sidecar).map((listener): Shown => {
    const filter = filterOf(listener.hosts, viewer);
    const own = exported.filter((set) => showsRoutes(filter, set));
    return { listener, called: servicesOf(shapes, filter, listener, viewer), routes: own };
  });
  const rest = shown.find(({ listener }) => listener.port === undefined) ?? NOTHING;
  return {
    called: rest.called,
    routes: rest.routes,
    services: clusteredServices(shown, shapes, viewer),
    ports: portViews(shown),
    visible: visibleIn(shown),
  };
}

function keptServices(former: View['called'], next: View['called']): View['called'] {
  return former === next || isSameList([...former.values()], [...next.values()]) ? former : next;
}

/** Most namespaces go from the same list to the same. */
const areSame = memoised(isSameList);

function keptRoutes(former: View['routes'], next: View['routes']): View['routes'] {
  if (former === next || areSame(former, next)) return former;
  succeed(former, next);
  return next;
}

function keptView<Any extends View>(former: Any | undefined, next: Any): Any {
  if (former === undefined) return next;
  return shareFields(former, { ...next, called: keptServices(former.called, next.called), routes: keptRoutes(former.routes, next.routes) });
}

function keptPorts(former: Imports['ports'], next: Imports['ports']): Imports['ports'] {
  // the Sidecar is the same, and so is what it says of its ports
  return keptList(
    former,
    next.map((port, i) => keptView(former[i], { ...port, listener: former[i]?.listener ?? port.listener })),
  );
}

/** `next`, with whatever is as it was before being the same object. */
function keptImports(former: Imports | undefined, next: Imports): Imports {
  if (former === undefined) return next;
  return keptView(former, {
    ...next,
    services: keptServices(former.services, next.services),
    ports: keptPorts(former.ports, next.ports),
    visible: keptView(former.visible, next.visible),
  });
}

const EVERYONE = {};

/** The last imports of a namespace under one Sidecar, so that a change which they do not see leaves them the same object. */
const lastOf = memoised((_sidecar: object, _viewer: string): { last: Imports | undefined } => ({ last: undefined }));

/**
 * What a proxy of `viewer` sees under `sidecar`; undefined: all that is exported to it. The same object for all proxies of
 * both, and for as long as nothing that they see changes.
 */
export const importsOf = memoised(
  (shapes: readonly ServiceShape[], routes: readonly RouteSet[], viewer: string, sidecar: Sidecar | undefined): Imports => {
    const kept = lastOf(sidecar ?? EVERYONE, viewer);
    kept.last = keptImports(kept.last, computed(shapes, routes, viewer, sidecar));
    return kept.last;
  },
);
