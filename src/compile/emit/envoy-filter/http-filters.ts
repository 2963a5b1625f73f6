/** Patches of the HTTP filters of a connection manager. */
import type { ConfigPatch } from '../../../model/envoy-filter.ts';
import {
  type HttpConnectionManager,
  type HttpFilter,
  HttpFilterSchema,
} from '../../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { editedFilters } from './edit-list.ts';
import { isForHttpFilter } from './match-listener.ts';
import { valueOf } from './patches.ts';
import { type Configured, mergeConfig } from './typed-config.ts';

/** A filter with another merged in: its name and its configuration. False where nothing changed, as with one of another type. */
export function mergedFilter(filter: Configured, added: Configured | undefined): boolean {
  if (filter.configType.case !== 'typedConfig' || added === undefined) return false;
  const isMerged = mergeConfig(filter, added);
  if (added.configType.case !== undefined && !isMerged) return false;
  const isRenamed = added.name !== '' && added.name !== filter.name;
  if (isRenamed) filter.name = added.name;
  return isMerged || isRenamed;
}

function edited(filters: readonly HttpFilter[], patch: ConfigPatch): HttpFilter[] | undefined {
  return editedFilters(filters, {
    operation: patch.operation,
    isNamed: patch.listener?.filterChain?.subFilter !== undefined,
    matches: ({ name }) => isForHttpFilter(name, patch),
    make: () => valueOf(patch, HttpFilterSchema),
  });
}

/** Applies `patches`, which are for the connection manager; the ones that changed something. First lists, then what is merged. */
export function patchHttpFilters(manager: HttpConnectionManager, patches: readonly ConfigPatch[]): readonly ConfigPatch[] {
  const changing: ConfigPatch[] = [];
  for (const patch of patches) {
    const filters = edited(manager.httpFilters, patch);
    if (filters === undefined) continue;
    manager.httpFilters = filters;
    changing.push(patch);
  }
  const merges = patches.filter(({ operation }) => operation === 'MERGE');
  for (const filter of manager.httpFilters) {
    for (const patch of merges) {
      if (isForHttpFilter(filter.name, patch) && mergedFilter(filter, valueOf(patch, HttpFilterSchema))) changing.push(patch);
    }
  }
  return changing;
}
