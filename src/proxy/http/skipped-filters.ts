import { FILTER_DISABLED, type PerFilter } from '../router/per-filter-config.ts';
import type { HttpFilterHandlers } from './filter.ts';

/** A filter of the chain, as far as routes switch it on and off. */
export interface SwitchedFilter {
  /** Name by which routes know it. */
  readonly name: string;
  readonly handlers: HttpFilterHandlers;
  /** `disabled` of the chain's entry: off unless the route says something. */
  readonly isDisabled: boolean;
}

/** Says which filters a request skips, by what its route and its weighted cluster configure; undefined where it is none. */
export type SkippedFilters = (route: PerFilter | undefined, choice: PerFilter | undefined) => ReadonlySet<HttpFilterHandlers> | undefined;

type Skipped = ReadonlySet<HttpFilterHandlers> | undefined;

const NOTHING: PerFilter = new Map();

/** Prepares the answer for a chain. It is found once for each pair of configurations. */
export function createSkippedFilters(filters: readonly SwitchedFilter[]): SkippedFilters {
  const byRoute = new WeakMap<PerFilter, WeakMap<PerFilter, { readonly skipped: Skipped }>>();
  const areAllOn = filters.every(({ isDisabled }) => !isDisabled);
  const find = (route: PerFilter, choice: PerFilter): Skipped => {
    const off = filters.filter(({ name, isDisabled }) => {
      const own = choice.get(name) ?? route.get(name);
      return own === undefined ? isDisabled : own === FILTER_DISABLED;
    });
    return off.length === 0 ? undefined : new Set(off.map(({ handlers }) => handlers));
  };
  return (route = NOTHING, choice = NOTHING) => {
    if (areAllOn && route.size === 0 && choice.size === 0) return undefined;
    let byChoice = byRoute.get(route);
    if (byChoice === undefined) byRoute.set(route, (byChoice = new WeakMap()));
    let known = byChoice.get(choice);
    if (known === undefined) byChoice.set(choice, (known = { skipped: find(route, choice) }));
    return known.skipped;
  };
}
