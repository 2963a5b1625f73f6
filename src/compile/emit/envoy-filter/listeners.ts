/** Patches of listeners, and of what is in them. */
import { clone, isMessage } from '@bufbuild/protobuf';
import type { ConfigPatch } from '../../../model/envoy-filter.ts';
import {
  type FilterChain,
  FilterChainSchema,
  type ListenerFilter,
  ListenerFilterSchema,
} from '../../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { type Listener, ListenerSchema } from '../../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { isAdd } from '../../envoy/operations.ts';
import { CONNECT_ORIGINATE, CONNECT_TERMINATE } from '../hbone.ts';
import { type CompiledResource, resourceOf } from '../resource.ts';
import { editedFilters } from './edit-list.ts';
import { isLeft } from './edit-one.ts';
import { fillIn } from './extension-configs.ts';
import { patchedChain } from './filter-chains.ts';
import { mergedFilter } from './http-filters.ts';
import { isForListener } from './match-listener.ts';
import { listsOf, mergeInto } from './merge.ts';
import { markAdded, markChanged } from './origin.ts';
import { valueOf } from './patches.ts';
import { patchesAt, type Site, type TellPatch } from './site.ts';

/** Tulle's own tunnels between proxies: what goes through them is patched where it comes out. */
function isTunnel(name: string): boolean {
  return name === CONNECT_TERMINATE || name.startsWith(CONNECT_ORIGINATE);
}

/** Applies patches of the listener itself; false where it is removed. */
function patchSelf(listener: Listener, site: Site, tell: TellPatch): boolean {
  const matches = (patch: ConfigPatch): boolean => !isAdd(patch.operation) && isForListener(listener, patch, site);
  const merge = (patch: ConfigPatch): boolean => {
    const value = valueOf(patch, ListenerSchema);
    if (value !== undefined) mergeInto(ListenerSchema, listener, value, listsOf(patch.operation));
    return value !== undefined;
  };
  return isLeft(patchesAt(site, 'LISTENER'), matches, merge, tell);
}

function patchListenerFilters(listener: Listener, site: Site, tell: TellPatch): void {
  for (const patch of patchesAt(site, 'LISTENER_FILTER')) {
    if (!isForListener(listener, patch, site)) continue;
    const name = patch.listener?.listenerFilter ?? '';
    if (patch.operation === 'MERGE') {
      const merged = listener.listenerFilters.filter((own) => own.name === name && mergeListenerFilter(own, patch));
      if (merged.length > 0) tell(patch);
      continue;
    }
    const filters = editedFilters<ListenerFilter>(listener.listenerFilters, {
      operation: patch.operation,
      isNamed: name !== '',
      matches: (own) => own.name === name,
      make: () => valueOf(patch, ListenerFilterSchema),
    });
    if (filters === undefined) continue;
    listener.listenerFilters = filters;
    tell(patch);
  }
}

/** A listener filter keeps its name whatever the patch says. */
function mergeListenerFilter(filter: ListenerFilter, patch: ConfigPatch): boolean {
  const value = valueOf(patch, ListenerFilterSchema);
  return value !== undefined && mergedFilter(filter, { ...value, name: '' });
}

function patchedChains(listener: Listener, chains: readonly FilterChain[], site: Site, tell: TellPatch): FilterChain[] {
  return chains.flatMap((chain) => {
    const changing: ConfigPatch[] = [];
    const patched = patchedChain(listener, chain, site, (patch) => changing.push(patch));
    for (const patch of changing) {
      tell(patch);
      markChanged(chain, patch);
    }
    return patched === undefined ? [] : [patched];
  });
}

function addChains(listener: Listener, site: Site, tell: TellPatch): void {
  for (const patch of patchesAt(site, 'FILTER_CHAIN')) {
    if (!isAdd(patch.operation) || !isForListener(listener, patch, site)) continue;
    const chain = valueOf(patch, FilterChainSchema);
    // without filters it would close connections: Istio leaves it out
    if (chain === undefined || chain.filters.length === 0) continue;
    for (const filter of chain.filters) fillIn(filter, site);
    markAdded(chain, patch);
    listener.filterChains.push(chain);
    tell(patch);
  }
}

const IN_LISTENERS = ['LISTENER', 'LISTENER_FILTER', 'FILTER_CHAIN', 'NETWORK_FILTER', 'HTTP_FILTER'] as const;
const IN_ROUTES = ['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE'] as const;

/** True where some patch may change the listener. Routes that are in listeners are those of inbound ports. */
function isConcerned(listener: Listener, site: Site): boolean {
  if (IN_LISTENERS.some((kind) => patchesAt(site, kind).some((patch) => isForListener(listener, patch, site)))) return true;
  return site.context === 'SIDECAR_INBOUND' && IN_ROUTES.some((kind) => patchesAt(site, kind).length > 0);
}

/** The listener with all patches; the same resource where none changes it, undefined where it is removed. */
export function patchedListener(resource: CompiledResource, site: Site): CompiledResource | undefined {
  if (isTunnel(resource.name) || !isMessage(resource.message, ListenerSchema) || !isConcerned(resource.message, site)) return resource;
  const listener = clone(ListenerSchema, resource.message);
  let isChanged = false;
  const tell = (patch: ConfigPatch): void => {
    isChanged = true;
    site.tell?.(patch);
  };
  const tellSelf = (patch: ConfigPatch): void => {
    markChanged(listener, patch);
    tell(patch);
  };
  if (!patchSelf(listener, site, tellSelf)) return undefined;
  patchListenerFilters(listener, site, tellSelf);
  for (const filter of listener.listenerFilters) fillIn(filter, site);
  listener.filterChains = patchedChains(listener, listener.filterChains, site, tell);
  const { defaultFilterChain } = listener;
  if (defaultFilterChain !== undefined) {
    const [left] = patchedChains(listener, [defaultFilterChain], site, tell);
    if (left === undefined) delete listener.defaultFilterChain;
  }
  addChains(listener, site, tell);
  return isChanged ? resourceOf(ListenerSchema, listener.name, listener) : resource;
}

/** Without a context a new listener is for clients' side and gateways. */
export function addedListeners(site: Site): CompiledResource[] {
  return patchesAt(site, 'LISTENER').flatMap((patch) => {
    if (!isAdd(patch.operation) || (patch.context === 'ANY' && site.context === 'SIDECAR_INBOUND')) return [];
    const listener = valueOf(patch, ListenerSchema);
    if (listener === undefined || listener.name === '') return [];
    markAdded(listener, patch);
    site.tell?.(patch);
    return [resourceOf(ListenerSchema, listener.name, listener)];
  });
}
