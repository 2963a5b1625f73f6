/** Configuration of filters for a route, a virtual host or a weighted cluster: `typed_per_filter_config`. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { ConfigError } from '../../core/errors.ts';
import { type FilterConfig, FilterConfigSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { decodeTyped, typeNameOf } from '../config/typed-config.ts';
import type { HttpFilter } from '../http/filter.ts';

export type PerFilter = ReadonlyMap<string, unknown>;

/** A route has switched the filter off, or on without configuring it. */
export const FILTER_DISABLED = Symbol('filter disabled');
export const FILTER_ENABLED = Symbol('filter enabled');

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
    if (typeNameOf(any) === FilterConfigSchema.typeName) readSwitch(decodeTyped(any, FilterConfigSchema, at), name, filters, parsed, at);
    else parsed.set(name, readOwn(any, findFilter(any, filters, at), above.get(name), at));
  }
  return parsed;
}

/** The filter that takes configurations of this type from routes. */
function findFilter(any: Any, filters: readonly HttpFilter[], path: string): HttpFilter {
  const typeName = typeNameOf(any);
  const filter = filters.find(({ routeSchema }) => routeSchema?.typeName === typeName);
  if (filter === undefined) throw new ConfigError(path, `no filter of Tulle takes ${typeName} from routes`);
  return filter;
}

function readOwn(any: Any, filter: HttpFilter, before: unknown, path: string): unknown {
  if (filter.routeSchema === undefined || filter.parseRoute === undefined)
    throw new ConfigError(path, 'the filter has no configuration for routes');
  const own = filter.parseRoute(decodeTyped(any, filter.routeSchema, path), path);
  const isPlain = before === undefined || before === FILTER_DISABLED || before === FILTER_ENABLED;
  return filter.mergeRoute === undefined || isPlain ? own : filter.mergeRoute(before, own);
}

/** Envoy: config.route.v3.FilterConfig, which switches a filter off or on, and may configure it besides. */
function readSwitch(config: FilterConfig, name: string, filters: readonly HttpFilter[], parsed: Map<string, unknown>, path: string): void {
  const { config: own } = config;
  if (config.disabled) parsed.set(name, FILTER_DISABLED);
  else if (own === undefined) parsed.set(name, FILTER_ENABLED);
  else if (!config.isOptional || filters.some(({ routeSchema }) => routeSchema?.typeName === typeNameOf(own)))
    parsed.set(name, readOwn(own, findFilter(own, filters, `${path}.config`), parsed.get(name), `${path}.config`));
}
