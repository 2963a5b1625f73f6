/**
 * EnvoyFilters applied to what a proxy gets, after all else is made. Everything is memoised by resource, patches and
 * side: what no patch changes stays the same resource, and without patches the same list.
 */
import type { EnvoyFilter, PatchContext } from '../../../model/envoy-filter.ts';
import { memoised } from '../memo.ts';
import type { ProxyNode } from '../proxy-node.ts';
import type { CompiledResource } from '../resource.ts';
import { addedClusters, patchedCluster } from './clusters.ts';
import { addedListeners, patchedListener } from './listeners.ts';
import { patchesFor, type PatchSet } from './patches.ts';
import { isConcerned, patchedRoutes } from './routes.ts';
import type { Site, TellPatch } from './site.ts';

type Part = readonly CompiledResource[];

/** Ports by where they listen: of a sidecar that does not intercept, and of a gateway. */
interface Ports {
  readonly declared: Readonly<Record<number, number>>;
  readonly servicePorts: Readonly<Record<number, readonly number[]>>;
}

const siteOf = memoised((patches: PatchSet, context: PatchContext, isExplicit: boolean, ports: string): Site => {
  const { declared, servicePorts }: Ports = JSON.parse(ports);
  return { patches, context, isExplicit, declared, servicePorts };
});

const oneListener = memoised((resource: CompiledResource, site: Site) => patchedListener(resource, site));
const oneRoutes = memoised((resource: CompiledResource, site: Site) => patchedRoutes(resource, site));
const oneCluster = memoised((resource: CompiledResource, site: Site) => patchedCluster(resource, site));

const listenersAt = memoised((listeners: Part, site: Site): Part => [
  ...listeners.flatMap((resource) => oneListener(resource, site) ?? []),
  ...addedListeners(site),
]);
const routesAt = memoised((routes: Part, site: Site): Part => routes.map((resource) => oneRoutes(resource, site)));
const clustersAt = memoised((clusters: Part, site: Site): Part => [
  ...clusters.flatMap((resource) => oneCluster(resource, site) ?? []),
  ...addedClusters(site),
]);

/** What becomes of the resources of one side of a proxy. */
export interface Patcher {
  listeners(part: Part, context: PatchContext): Part;
  routes(part: Part, context: PatchContext): Part;
  clusters(part: Part, context: PatchContext): Part;
  /** Whether `routes` may change the route configuration of this name. */
  mayChangeRoutes(name: string, context: PatchContext): boolean;
}

const UNCHANGED: Patcher = {
  listeners: (part) => part,
  routes: (part) => part,
  clusters: (part) => part,
  mayChangeRoutes: () => false,
};

/** Where declared ports listen, where that is elsewhere. */
export function declaredPorts(
  ports: readonly { readonly number: number; readonly listen: number }[],
  { explicit }: Pick<ProxyNode, 'explicit'>,
): Ports {
  const declared: Record<number, number> = {};
  for (const { number, listen } of ports) if (listen !== number) declared[listen] = number;
  for (const { port, localPort } of explicit?.upstreams ?? []) declared[localPort] = port;
  return { declared, servicePorts: {} };
}

/** The Gateways' ports by what a gateway's proxy opens for them; `opened` is the other way round. */
export function openedPorts(opened: Readonly<Record<number, number>>): Ports {
  const servicePorts: Record<number, number[]> = {};
  for (const [port, target] of Object.entries(opened)) (servicePorts[target] ??= []).push(Number(port));
  return { declared: {}, servicePorts };
}

/** What EnvoyFilters make of a proxy's resources; `tell` is for whoever wants to know which of them do something. */
export function patcherFor(
  filters: readonly EnvoyFilter[],
  root: string,
  proxy: ProxyNode,
  portsOf: () => Ports,
  tell: TellPatch | undefined,
): Patcher {
  const patches = patchesFor(filters, root, proxy);
  if (patches === undefined) return UNCHANGED;
  const isExplicit = proxy.interception === 'NONE';
  const ports = portsOf();
  const key = JSON.stringify(ports);
  // what is told is never remembered: each time it is another site
  const site = (context: PatchContext): Site =>
    tell === undefined ? siteOf(patches, context, isExplicit, key) : { patches, context, isExplicit, ...ports, tell };
  return {
    listeners: (part, context) => listenersAt(part, site(context)),
    routes: (part, context) => routesAt(part, site(context)),
    clusters: (part, context) => clustersAt(part, site(context)),
    mayChangeRoutes: (name, context) => isConcerned(name, site(context)),
  };
}
