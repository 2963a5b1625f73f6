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
    const filter = filters.find((candidate) => candidate.name === name);
    if (typeNameOf(any) === FilterConfigSchema.typeName) {
      readSwitch(decodeTyped(any, FilterConfigSchema, at), name, filter, parsed, at);
      continue;
    }
    parsed.set(name, readOwn(any, filter, above.get(name), at));
  }
  return parsed;
}

function readOwn(any: Any, filter: HttpFilter | undefined, before: unknown, path: string): unknown {
  if (filter?.routeSchema === undefined || filter.parseRoute === undefined) {
    throw new ConfigError(path, filter === undefined ? 'no such filter in Tulle' : 'the filter has no configuration for routes');
  }
  const own = filter.parseRoute(decodeTyped(any, filter.routeSchema, path), path);
  const isPlain = before === undefined || before === FILTER_DISABLED || before === FILTER_ENABLED;
  return filter.mergeRoute === undefined || isPlain ? own : filter.mergeRoute(before, own);
}

/** Envoy: config.route.v3.FilterConfig, which switches a filter off or on, and may configure it besides. */
function readSwitch(config: FilterConfig, name: string, filter: HttpFilter | undefined, parsed: Map<string, unknown>, path: string): void {
  if (filter === undefined && config.isOptional) return;
  if (config.disabled) parsed.set(name, FILTER_DISABLED);
  else if (config.config === undefined) parsed.set(name, FILTER_ENABLED);
  else parsed.set(name, readOwn(config.config, filter, parsed.get(name), `${path}.config`));
}
