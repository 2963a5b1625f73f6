/**
 * Route tables by scope: a key is made of a request's fields, and each key has its table. Envoy: ScopedRoutes,
 * ScopedRouteConfiguration.
 */
import { ConfigError } from '../../core/errors.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type { ScopedRouteConfiguration } from '../../xds/gen/envoy/config/route/v3/scoped_route_pb.ts';
import type {
  ScopedRoutes_ScopeKeyBuilder as KeyBuilder,
  ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor as Extractor,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { RouteSource, RouteTable } from './route.ts';

/** Makes a request's key; undefined where a part of it is missing, so that the request belongs to no scope. */
export type ScopeKeyOf = (head: RequestHead) => string | undefined;

/** Cannot stand in a header field, so that parts do not run together. */
const BETWEEN = '\0';

function elementOf(extractor: Extractor, path: string): (value: string) => string | undefined {
  const { elementSeparator: separator, extractType: type } = extractor;
  const split = separator === '' ? (value: string) => [value] : (value: string) => value.split(separator);
  switch (type.case) {
    case 'index': {
      const { value: index } = type;
      if (separator === '' && index > 0) throw new ConfigError(`${path}.index`, `${index} needs an element_separator`);
      return (value) => split(value)[index];
    }
    case 'element': {
      const { key, separator: between } = type.value;
      if (key === '') throw new ConfigError(`${path}.element.key`, 'is empty');
      if (between === '') throw new ConfigError(`${path}.element.separator`, 'is empty');
      const start = key + between;
      return (value) =>
        split(value)
          .find((element) => element.startsWith(start))
          ?.slice(start.length);
    }
    case undefined:
      throw new ConfigError(path, 'says neither index nor element');
  }
}

/** Prepares a scope key builder. `path` is the builder's own. */
export function compileScopeKey(builder: KeyBuilder | undefined, path: string): ScopeKeyOf {
  const fragments = (builder?.fragments ?? []).map(({ type }, i): ScopeKeyOf => {
    const at = `${path}.fragments[${i}].header_value_extractor`;
    if (type.case !== 'headerValueExtractor') throw new ConfigError(at, 'is missing');
    if (type.value.name === '') throw new ConfigError(`${at}.name`, 'is empty');
    const name = type.value.name.toLowerCase();
    const extract = elementOf(type.value, at);
    return ({ headers }) => {
      const value = headers.get(name);
      return value === undefined ? undefined : extract(value);
    };
  });
  if (fragments.length === 0) throw new ConfigError(`${path}.fragments`, 'is empty');
  return (head) => {
    let key = '';
    for (const fragment of fragments) {
      const part = fragment(head);
      if (part === undefined) return undefined;
      key += part + BETWEEN;
    }
    return key;
  };
}

/** A scope, ready to be found by its key. */
export interface Scope {
  readonly name: string;
  readonly key: string;
  readonly isOnDemand: boolean;
  /** The table's name in RDS; '' where the scope has its table in itself. */
  readonly routeName: string;
}

/** Reads a scope. `path` is its own. */
export function readScope(config: ScopedRouteConfiguration, path: string): Scope {
  const prefix = path === '' ? '' : `${path}.`;
  if (config.name === '') throw new ConfigError(`${prefix}name`, 'is empty');
  const fragments = config.key?.fragments ?? [];
  if (fragments.length === 0) throw new ConfigError(`${prefix}key.fragments`, 'is empty');
  if ((config.routeConfigurationName === '') === (config.routeConfiguration === undefined))
    throw new ConfigError(path, 'needs one of route_configuration_name and route_configuration');
  return {
    name: config.name,
    key: fragments
      .map(({ type }, i) => {
        if (type.case !== 'stringKey') throw new ConfigError(`${prefix}key.fragments[${i}].string_key`, 'is missing');
        return type.value + BETWEEN;
      })
      .join(''),
    isOnDemand: config.onDemand,
    routeName: config.routeConfigurationName,
  };
}

/** Tables by key. */
export interface ScopeSource {
  find(key: string): RouteSource | undefined;
}

/** A table that is of each request's scope. Requests without one have no route. */
export function scopedSource(name: string, keyOf: ScopeKeyOf, scopes: ScopeSource): RouteSource {
  const sourceOf = (head: RequestHead): RouteSource | undefined => {
    const key = keyOf(head);
    return key === undefined ? undefined : scopes.find(key);
  };
  const table: RouteTable = {
    name,
    match: (head, random, info) => sourceOf(head)?.current()?.match(head, random, info),
    internalOnlyHeaders: (head) => sourceOf(head)?.current()?.internalOnlyHeaders?.(head) ?? [],
  };
  return {
    current: () => table,
    request: (head, callback) => sourceOf(head)?.request?.(head, callback) ?? false,
    awaits: (head, callback) => sourceOf(head)?.awaits?.(head, callback) ?? false,
  };
}
