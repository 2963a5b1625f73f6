import type { Any } from '@bufbuild/protobuf/wkt';
import { ConfigError } from '../../core/errors.ts';
import type { Filter } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { TypedStructSchema as UdpaTypedStructSchema } from '../../xds/gen/udpa/type/v1/typed_struct_pb.ts';
import { TypedStructSchema as XdsTypedStructSchema } from '../../xds/gen/xds/type/v3/typed_struct_pb.ts';
import { decodeStructOr, decodeTyped, typeNameOf } from '../config/typed-config.ts';
import type { NetworkFilter, NetworkHandler, NetworkScope } from './filter.ts';

/** A network filter with its configuration, read and checked, not yet made. */
export interface ParsedFilter {
  readonly isTerminal: boolean;
  create(scope: NetworkScope): NetworkHandler;
}

const STRUCTS = [UdpaTypedStructSchema, XdsTypedStructSchema];

/** The type that a configuration is of: its own, or the one that a TypedStruct names. */
function configuredType(any: Any, path: string): { typeUrl: string; isStruct: boolean } {
  const schema = STRUCTS.find((struct) => struct.typeName === typeNameOf(any));
  if (schema === undefined) return { typeUrl: typeNameOf(any), isStruct: false };
  return { typeUrl: decodeTyped(any, schema, path).typeUrl, isStruct: true };
}

function findFilter(table: readonly NetworkFilter[], any: Any, path: string): NetworkFilter {
  const { typeUrl, isStruct } = configuredType(any, path);
  const found = table.find((filter) =>
    isStruct ? filter.structTypeUrl === typeUrl : (filter.schema ?? filter.structSchema)?.typeName === typeUrl,
  );
  if (found !== undefined) return found;
  throw new ConfigError(path, `${typeUrl} is not a supported network filter (${table.map((filter) => filter.name).join(', ')})`);
}

function parseConfig(filter: NetworkFilter, any: Any, path: string): unknown {
  if (filter.schema !== undefined) return filter.parse(decodeTyped(any, filter.schema, path), path);
  const value = decodeStructOr(any, filter.structSchema, filter.structTypeUrl ?? '', path);
  // such a filter takes the struct's value where others take their message
  const parse: unknown = Reflect.get(filter, 'parse');
  if (typeof parse !== 'function') throw new TypeError(`${filter.name} cannot be parsed`);
  const config: unknown = Reflect.apply(parse, filter, [value, path]);
  return config;
}

function parseFilter(config: Filter, table: readonly NetworkFilter[], path: string): ParsedFilter {
  const any = config.configType.case === 'typedConfig' ? config.configType.value : undefined;
  if (any === undefined) throw new ConfigError(`${path}.typed_config`, `is missing in ${config.name}`);
  const filter = findFilter(table, any, `${path}.typed_config`);
  const parsed = parseConfig(filter, any, `${path}.typed_config`);
  return { isTerminal: filter.isTerminal, create: (scope) => filter.create(parsed, scope) };
}

/**
 * Reads the network filters of a filter chain; `path` is the chain's. The last one must be terminal, and no other may
 * be; a chain without filters closes its connections.
 */
export function parseNetworkFilters(configs: readonly Filter[], table: readonly NetworkFilter[], path: string): ParsedFilter[] {
  const filters = configs.map((config, i) => parseFilter(config, table, `${path}.filters[${i}]`));
  for (const [i, filter] of filters.entries()) {
    const isLast = i === filters.length - 1;
    if (filter.isTerminal === isLast) continue;
    const name = configs[i]?.name ?? '';
    throw new ConfigError(`${path}.filters[${i}]`, isLast ? `${name} cannot be the last filter` : `${name} must be the last filter`);
  }
  return filters;
}
