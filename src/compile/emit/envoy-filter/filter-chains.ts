/** Patches of filter chains, and of the network filters in them. */
import { anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import type { ConfigPatch } from '../../../model/envoy-filter.ts';
import {
  type Filter,
  type FilterChain,
  FilterChainSchema,
  FilterSchema,
} from '../../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import type { Listener } from '../../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { HttpConnectionManagerSchema } from '../../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { HCM } from '../names.ts';
import { editedFilters } from './edit-list.ts';
import { isLeft } from './edit-one.ts';
import { fillIn } from './extension-configs.ts';
import { mergedFilter, patchHttpFilters } from './http-filters.ts';
import { isForChain, isForFilter, isForListener } from './match-listener.ts';
import { listsOf, mergeInto } from './merge.ts';
import { valueOf } from './patches.ts';
import { patchRouteConfiguration } from './routes.ts';
import { patchesAt, type Site, type TellPatch } from './site.ts';
import { mergeConfig } from './typed-config.ts';

/** Where both have a transport socket of one name, that alone is merged, and the rest of the patch does not count. */
function mergeChain(chain: FilterChain, patch: ConfigPatch): boolean {
  const value = valueOf(patch, FilterChainSchema);
  if (value === undefined) return false;
  const [own, added] = [chain.transportSocket, value.transportSocket];
  if (own === undefined || added === undefined || own.name !== added.name) {
    mergeInto(FilterChainSchema, chain, value, listsOf(patch.operation));
  } else mergeConfig(own, added);
  return true;
}

function editFilters(chain: FilterChain, patches: readonly ConfigPatch[], tell: TellPatch): void {
  for (const patch of patches) {
    const filters = editedFilters<Filter>(chain.filters, {
      operation: patch.operation,
      isNamed: patch.listener?.filterChain?.filter !== undefined,
      matches: ({ name }) => isForFilter(name, patch),
      make: () => valueOf(patch, FilterSchema),
    });
    if (filters === undefined) continue;
    chain.filters = filters;
    tell(patch);
  }
}

/** What is in a connection manager: its own routes, of inbound ports, and its filters. */
function patchManager(filter: Filter, patches: readonly ConfigPatch[], site: Site, tell: TellPatch): void {
  if (filter.configType.case !== 'typedConfig') return;
  const manager = anyUnpack(filter.configType.value, HttpConnectionManagerSchema);
  if (manager === undefined) return;
  const changing = patchHttpFilters(manager, patches);
  for (const patch of changing) tell(patch);
  const isFilled = manager.httpFilters.map((inner) => fillIn(inner, site)).includes(true);
  if (changing.length > 0 || isFilled) filter.configType = { case: 'typedConfig', value: anyPack(HttpConnectionManagerSchema, manager) };
}

/** Routes that stand in the listener are patched before the listener is. */
function patchOwnRoutes(chain: FilterChain, site: Site, tell: TellPatch): void {
  for (const filter of chain.filters) {
    if (filter.name !== HCM || filter.configType.case !== 'typedConfig') continue;
    const manager = anyUnpack(filter.configType.value, HttpConnectionManagerSchema);
    if (manager?.routeSpecifier.case !== 'routeConfig') continue;
    if (!patchRouteConfiguration(manager.routeSpecifier.value, site, tell)) continue;
    filter.configType = { case: 'typedConfig', value: anyPack(HttpConnectionManagerSchema, manager) };
  }
}

function patchFilters(
  chain: FilterChain,
  network: readonly ConfigPatch[],
  http: readonly ConfigPatch[],
  site: Site,
  tell: TellPatch,
): void {
  editFilters(chain, network, tell);
  const merges = network.filter(({ operation }) => operation === 'MERGE');
  for (const filter of chain.filters) {
    for (const patch of merges) if (isForFilter(filter.name, patch) && mergedFilter(filter, valueOf(patch, FilterSchema))) tell(patch);
    if (fillIn(filter, site)) continue;
    if (filter.name === HCM) {
      const own = http.filter((patch) => isForFilter(filter.name, patch));
      patchManager(filter, own, site, tell);
    }
  }
}

/** Applies everything that is about a chain of the listener; undefined where the chain is removed. */
export function patchedChain(listener: Listener, chain: FilterChain, site: Site, tell: TellPatch): FilterChain | undefined {
  patchOwnRoutes(chain, site, tell);
  const forChain = (patches: readonly ConfigPatch[]) =>
    patches.filter((patch) => isForListener(listener, patch, site) && isForChain(listener, chain, patch, site));
  const ofChain = forChain(patchesAt(site, 'FILTER_CHAIN'));
  const merge = (patch: ConfigPatch): boolean => mergeChain(chain, patch);
  if (!isLeft(ofChain, () => true, merge, tell)) return undefined;
  patchFilters(chain, forChain(patchesAt(site, 'NETWORK_FILTER')), forChain(patchesAt(site, 'HTTP_FILTER')), site, tell);
  return chain;
}
