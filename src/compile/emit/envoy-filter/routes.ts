/** Patches of route configurations, and of virtual hosts and routes in them. */
import { clone, isMessage } from '@bufbuild/protobuf';
import type { ConfigPatch } from '../../../model/envoy-filter.ts';
import {
  type Route,
  RouteSchema,
  type VirtualHost,
  VirtualHostSchema,
} from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { type RouteConfiguration, RouteConfigurationSchema } from '../../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { isAdd, isMerge } from '../../envoy/operations.ts';
import { type CompiledResource, resourceOf } from '../resource.ts';
import { editedRoutes } from './edit-list.ts';
import { isLeft } from './edit-one.ts';
import { isForRoute, isForRoutes, isForVirtualHost } from './match-routes.ts';
import { listsOf, mergeInto } from './merge.ts';
import { markAdded, markChanged } from './origin.ts';
import { valueOf } from './patches.ts';
import { patchesAt, type Site, type TellPatch } from './site.ts';

/** Removes and merges; false where the route is removed. */
function patchRoute(route: Route, patches: readonly ConfigPatch[], tell: TellPatch): boolean {
  const merge = (patch: ConfigPatch): boolean => {
    const value = valueOf(patch, RouteSchema);
    if (value === undefined) return false;
    mergeInto(RouteSchema, route, value, listsOf(patch.operation));
    markChanged(route, patch);
    return true;
  };
  return isLeft(patches, (patch) => isForRoute(route, patch), merge, tell);
}

function addRoutes(host: VirtualHost, patches: readonly ConfigPatch[], tell: TellPatch): void {
  for (const patch of patches) {
    const routes = editedRoutes<Route>(host.routes, {
      operation: patch.operation,
      isNamed: patch.route?.virtualHost?.route !== undefined,
      matches: (route) => isForRoute(route, patch),
      make() {
        const route = valueOf(patch, RouteSchema);
        if (route !== undefined) markAdded(route, patch);
        return route;
      },
    });
    if (routes === undefined) continue;
    host.routes = routes;
    tell(patch);
  }
}

function patchRoutes(name: string, host: VirtualHost, site: Site, tell: TellPatch): void {
  const patches = patchesAt(site, 'HTTP_ROUTE').filter(
    (patch) => isForRoutes(name, patch, site) && isForVirtualHost(name, host, patch, site),
  );
  host.routes = host.routes.filter((route) => patchRoute(route, patches, tell));
  addRoutes(host, patches, tell);
}

/** The virtual host with its patches; undefined where it is removed. */
function patchedHost(name: string, host: VirtualHost, site: Site, tell: TellPatch): VirtualHost | undefined {
  let current = host;
  for (const patch of patchesAt(site, 'VIRTUAL_HOST')) {
    const { operation } = patch;
    if (isAdd(operation) || !isForRoutes(name, patch, site) || !isForVirtualHost(name, current, patch, site)) continue;
    tell(patch);
    if (operation === 'REMOVE') return undefined;
    const value = valueOf(patch, VirtualHostSchema);
    if (value === undefined) continue;
    if (operation === 'REPLACE') {
      current = value;
      markAdded(current, patch);
    } else {
      mergeInto(VirtualHostSchema, current, value, listsOf(patch.operation));
      markChanged(current, patch);
    }
  }
  patchRoutes(name, current, site, tell);
  return current;
}

function addedHosts(name: string, site: Site, tell: TellPatch): VirtualHost[] {
  return patchesAt(site, 'VIRTUAL_HOST').flatMap((patch) => {
    if (!isAdd(patch.operation) || !isForRoutes(name, patch, site)) return [];
    const host = valueOf(patch, VirtualHostSchema);
    if (host === undefined) return [];
    markAdded(host, patch);
    tell(patch);
    return [host];
  });
}

/** Applies everything that is about a route configuration to it; true where something changed. */
export function patchRouteConfiguration(config: RouteConfiguration, site: Site, tell: TellPatch): boolean {
  let isChanged = false;
  const told: TellPatch = (patch) => {
    isChanged = true;
    tell(patch);
  };
  for (const patch of patchesAt(site, 'ROUTE_CONFIGURATION')) {
    if (!isMerge(patch.operation) || !isForRoutes(config.name, patch, site)) continue;
    const value = valueOf(patch, RouteConfigurationSchema);
    if (value === undefined) continue;
    mergeInto(RouteConfigurationSchema, config, value, listsOf(patch.operation));
    told(patch);
  }
  const removed = new Set<string>();
  const left = config.virtualHosts.flatMap((host) => {
    const patched = patchedHost(config.name, host, site, told);
    if (patched === undefined) removed.add(host.name);
    return patched === undefined ? [] : [patched];
  });
  // by name: one that is added under the name of one that is removed goes, too
  const all = [...left, ...addedHosts(config.name, site, told)];
  if (isChanged) config.virtualHosts = removed.size === 0 ? all : all.filter(({ name }) => !removed.has(name));
  return isChanged;
}

/** True where some patch may change the route configuration. */
export function isConcerned(name: string, site: Site): boolean {
  const kinds = ['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE'] as const;
  return kinds.some((kind) => patchesAt(site, kind).some((patch) => isForRoutes(name, patch, site)));
}

/** The route configuration with all patches; the same resource where none changes it. */
export function patchedRoutes(resource: CompiledResource, site: Site): CompiledResource {
  if (!isMessage(resource.message, RouteConfigurationSchema) || !isConcerned(resource.name, site)) return resource;
  const config = clone(RouteConfigurationSchema, resource.message);
  const isChanged = patchRouteConfiguration(config, site, (patch) => site.tell?.(patch));
  return isChanged ? resourceOf(RouteConfigurationSchema, config.name, config) : resource;
}
