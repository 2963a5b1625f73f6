/** Filters made of JSON configuration, with what they have counted. */
import { type DescMessage, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { typeRegistry } from '../../../../xds/type-registry.ts';
import { fakeScope } from '../../../telemetry/testing/fake-stream.ts';
import type { StatsRegistry } from '../../../telemetry/registry.ts';
import type { FilterScope, HttpFilter, HttpFilterHandlers } from '../../filter.ts';

export interface MadeFilter {
  readonly handlers: HttpFilterHandlers;
  /** Counters and gauges that are not zero. */
  counted(): Record<string, number>;
}

/** What is not zero in a registry. */
export function countedIn(stats: StatsRegistry): Record<string, number> {
  const found: Record<string, number> = {};
  stats.forEach(({ name, value }) => {
    const count = value.kind === 'counter' ? value.counter.value : value.kind === 'gauge' ? value.gauge.value : 0;
    if (count !== 0) found[name] = count;
  });
  return found;
}

/** Parses and creates a filter. Statistics of the connection manager and of the proxy go to one registry. */
export function filterOf<S extends DescMessage, C>(
  filter: HttpFilter<S, C>,
  config: JsonValue,
  scope: Partial<FilterScope> = {},
): MadeFilter {
  const own = fakeScope({ random: () => 0, ...scope });
  if (filter.schema === undefined) throw new Error('not configured by a message');
  const parsed = filter.parse(fromJson(filter.schema, config, { registry: typeRegistry }), 'f');
  return { handlers: filter.create(parsed, own), counted: () => countedIn(own.stats) };
}

/** A route's configuration, parsed. */
export function routeConfigOf(filter: Pick<HttpFilter, 'routeSchema' | 'parseRoute'>, config: JsonValue): unknown {
  if (filter.routeSchema === undefined || filter.parseRoute === undefined) throw new Error('not configured by routes');
  return filter.parseRoute(fromJson(filter.routeSchema, config, { registry: typeRegistry }), 'r');
}
