/** Which operations do something, by what they are applied to. The others Istio passes over. */
import type { ApplyTo, PatchOperation } from '../../model/envoy-filter.ts';

/** Operations on lists of filters, by names. */
const FILTERS: readonly PatchOperation[] = ['MERGE', 'ADD', 'REMOVE', 'INSERT_BEFORE', 'INSERT_AFTER', 'INSERT_FIRST', 'REPLACE'];
/** What INSERT_… is for lists without an order of their own: ADD. */
const ADDS: readonly PatchOperation[] = ['ADD', 'INSERT_BEFORE', 'INSERT_AFTER', 'INSERT_FIRST'];
const MERGES: readonly PatchOperation[] = ['MERGE', 'MERGE_AND_REPLACE_LIST'];

export const OPERATIONS: Readonly<Record<ApplyTo, readonly PatchOperation[]>> = {
  LISTENER: [...MERGES, ...ADDS, 'REMOVE'],
  LISTENER_FILTER: FILTERS,
  FILTER_CHAIN: [...MERGES, ...ADDS, 'REMOVE'],
  NETWORK_FILTER: FILTERS,
  HTTP_FILTER: FILTERS,
  ROUTE_CONFIGURATION: MERGES,
  VIRTUAL_HOST: [...MERGES, ...ADDS, 'REMOVE', 'REPLACE'],
  HTTP_ROUTE: [...MERGES, ...ADDS, 'REMOVE'],
  CLUSTER: [...MERGES, ...ADDS, 'REMOVE'],
  EXTENSION_CONFIG: ADDS,
};

/** True for MERGE in either form. */
export function isMerge(operation: PatchOperation): boolean {
  return operation === 'MERGE' || operation === 'MERGE_AND_REPLACE_LIST';
}

/** True where the operation puts something at the end of a list without an order. */
export function isAdd(operation: PatchOperation): boolean {
  return ADDS.includes(operation);
}
