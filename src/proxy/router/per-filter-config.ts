/** Configuration of filters for a route, a virtual host or a weighted cluster: `typed_per_filter_config`. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { ConfigError } from '../../core/errors.ts';
import { decodeTyped } from '../config/typed-config.ts';
import type { HttpFilter } from '../http/filter.ts';

export type PerFilter = ReadonlyMap<string, unknown>;

export const NO_FILTERS: PerFilter = new Map();

/** Parses the configurations of one level over those of the level above. `filters` are all that Tulle has. */
export function compilePerFilter(
  configs: Readonly<Record<string, Any>>,
  above: PerFilter,
  filters: readonly HttpFilter[],
  path: string,
): PerFilter {
  const entries = Object.entries(configs);
  if (entries.length === 0) return above;
  const parsed = new Map(above);
  for (const [name, any] of entries) {
    const at = `${path === '' ? '' : `${path}.`}typed_per_filter_config[${name}]`;
    const filter = filters.find((candidate) => candidate.name === name);
    if (filter?.routeSchema === undefined || filter.parseRoute === undefined) {
      throw new ConfigError(at, filter === undefined ? 'no such filter in Tulle' : 'the filter has no configuration for routes');
    }
    const own = filter.parseRoute(decodeTyped(any, filter.routeSchema, at), at);
    const before = above.get(name);
    parsed.set(name, filter.mergeRoute === undefined || before === undefined ? own : filter.mergeRoute(before, own));
  }
  return parsed;
}
