/** Operations on lists whose order counts: filters of all kinds, and routes. */
import type { PatchOperation } from '../../../model/envoy-filter.ts';

/** What an operation is about. */
export interface Edit<Item> {
  readonly operation: PatchOperation;
  /** True where the patch names the item that it stands beside, replaces or removes. */
  readonly isNamed: boolean;
  readonly matches: (item: Item) => boolean;
  /** The patch's value, new each time; undefined where it has none. */
  readonly make: () => Item | undefined;
}

function inserted<Item>(list: readonly Item[], index: number, item: Item): Item[] {
  return [...list.slice(0, index), item, ...list.slice(index)];
}

function insertedBeside<Item>(list: readonly Item[], { isNamed, matches }: Edit<Item>, item: Item, isAfter: boolean): Item[] | undefined {
  if (!isNamed) return isAfter ? [...list, item] : [item, ...list];
  const index = list.findIndex(matches);
  return index < 0 ? undefined : inserted(list, isAfter ? index + 1 : index, item);
}

function replaced<Item>(list: readonly Item[], { isNamed, matches }: Edit<Item>, item: Item): Item[] | undefined {
  const index = isNamed ? list.findIndex(matches) : -1;
  return index < 0 ? undefined : list.with(index, item);
}

function removed<Item>(list: readonly Item[], { isNamed, matches }: Edit<Item>): Item[] | undefined {
  const left = isNamed ? list.filter((item) => !matches(item)) : list;
  return left.length === list.length ? undefined : [...left];
}

/**
 * The list after an operation on filters; undefined where it changes nothing. INSERT_… without a name is the first or
 * the last; REPLACE is for the first item that matches, REMOVE for all, and neither does anything without a name.
 */
export function editedFilters<Item>(list: readonly Item[], edit: Edit<Item>): Item[] | undefined {
  if (edit.operation === 'REMOVE') return removed(list, edit);
  const item = edit.make();
  if (item === undefined) return undefined;
  switch (edit.operation) {
    case 'ADD':
      return [...list, item];
    case 'INSERT_FIRST':
      return [item, ...list];
    case 'INSERT_AFTER':
      return insertedBeside(list, edit, item, true);
    case 'INSERT_BEFORE':
      return insertedBeside(list, edit, item, false);
    case 'REPLACE':
      return replaced(list, edit, item);
    case 'MERGE':
    case 'MERGE_AND_REPLACE_LIST':
      return undefined;
  }
}

/** The list after a new route is put in; undefined where it changes nothing. INSERT_FIRST with a name needs its route. */
export function editedRoutes<Item>(list: readonly Item[], edit: Edit<Item>): Item[] | undefined {
  const { operation, isNamed, matches } = edit;
  if (operation === 'REMOVE' || operation === 'REPLACE') return undefined;
  if (operation === 'INSERT_FIRST' && isNamed && !list.some(matches)) return undefined;
  return editedFilters(list, edit);
}
