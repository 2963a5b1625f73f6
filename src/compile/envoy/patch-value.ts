/**
 * What an EnvoyFilter writes as one of Envoy's messages: JSON with the names of proto3's JSON or of the .proto files,
 * `@type` in each Any. It is read by the types that Tulle's proxy has; what Envoys have besides can go to those as it is
 * (`xds.type.v3.TypedStruct`).
 */
import type { DescMessage, JsonObject, JsonValue, Message } from '@bufbuild/protobuf';
import type { ApplyTo } from '../../model/envoy-filter.ts';
import { decodeJson } from '../../xds/codec/from-json.ts';
import { ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { TypedExtensionConfigSchema } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import { FilterChainSchema, FilterSchema, ListenerFilterSchema } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteSchema, VirtualHostSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { RouteConfigurationSchema } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { HttpFilterSchema } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { typeRegistry } from '../../xds/type-registry.ts';

/** The message that a patch's value is, by what it applies to. */
export const PATCH_SCHEMAS = {
  LISTENER: ListenerSchema,
  LISTENER_FILTER: ListenerFilterSchema,
  FILTER_CHAIN: FilterChainSchema,
  NETWORK_FILTER: FilterSchema,
  HTTP_FILTER: HttpFilterSchema,
  ROUTE_CONFIGURATION: RouteConfigurationSchema,
  VIRTUAL_HOST: VirtualHostSchema,
  HTTP_ROUTE: RouteSchema,
  CLUSTER: ClusterSchema,
  EXTENSION_CONFIG: TypedExtensionConfigSchema,
} as const satisfies Readonly<Record<ApplyTo, DescMessage>>;

const TYPED_STRUCT = 'type.googleapis.com/xds.type.v3.TypedStruct';

/** The message type that a type URL names: what follows the last slash. */
export function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}

/** An extension whose type is not among ours. */
export interface UnknownType {
  /** As in `patch.value`: `typed_config`, `http_filters[0].typed_config`. */
  readonly path: string;
  readonly typeName: string;
}

function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** `json` with each Any of a type that is not ours as a TypedStruct; those are added to `unknown`. */
function wrapped(json: JsonValue, path: string, unknown: UnknownType[]): JsonValue {
  if (Array.isArray(json)) return json.map((item, i) => wrapped(item, `${path}[${i}]`, unknown));
  if (!isObject(json)) return json;
  const typeUrl = json['@type'];
  if (typeof typeUrl === 'string') {
    const typeName = typeNameOf(typeUrl);
    // what is in a TypedStruct is nobody's here
    if (typeName.endsWith('.TypedStruct')) return json;
    if (typeRegistry.getMessage(typeName) === undefined) {
      const { '@type': _, ...value } = json;
      unknown.push({ path, typeName });
      return { '@type': TYPED_STRUCT, type_url: typeUrl, value };
    }
  }
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [key, wrapped(value, path === '' ? key : `${path}.${key}`, unknown)]),
  );
}

/**
 * Reads a patch's value. `unknown` are extensions of types that Tulle does not have, which are in the message as
 * TypedStructs. Throws ConfigError, with the path in the value, for fields that do not exist and values that they cannot
 * have.
 */
export function readPatchValue(
  applyTo: ApplyTo,
  json: JsonObject,
): { readonly message: Message; readonly unknown: readonly UnknownType[] } {
  const unknown: UnknownType[] = [];
  const ready = wrapped(json, '', unknown);
  return { message: decodeJson(PATCH_SCHEMAS[applyTo], ready, typeRegistry), unknown };
}
