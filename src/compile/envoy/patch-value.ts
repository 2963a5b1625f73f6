/**
 * What an EnvoyFilter writes as one of Envoy's messages: JSON with the names of proto3's JSON or of the .proto files,
 * `@type` in each Any. It is read by the types that Tulle's proxy has; what Envoys have besides can go to those as it is
 * (`xds.type.v3.TypedStruct`).
 */
import type { DescField, DescMessage, JsonObject, JsonValue, Message } from '@bufbuild/protobuf';
import { isObject } from '../../core/object.ts';
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
import { parseDurationMs } from '../schema/duration.ts';

/** The message that a patch's value is, by what it applies to. */
const PATCH_SCHEMAS = {
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

/** The type of a patch's value. */
export function patchSchema(applyTo: ApplyTo): DescMessage {
  return PATCH_SCHEMAS[applyTo];
}

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

/** The spans that Istio reads besides JSON's own: Go's, `1h30m`. */
function seconds(text: string): string {
  const ms = /^[\d.]+s$/.test(text) ? undefined : parseDurationMs(text);
  return ms === undefined ? text : `${ms / 1_000}s`;
}

/** An Any of a type that is not ours as a TypedStruct, told to `unknown`. */
function readyAny(json: JsonObject, path: string, unknown: UnknownType[]): JsonValue {
  const { '@type': typeUrl, ...value } = json;
  if (typeof typeUrl !== 'string') return json;
  const typeName = typeNameOf(typeUrl);
  const desc = typeRegistry.getMessage(typeName);
  if (desc !== undefined) return { ...readyFields(desc, value, path, unknown), '@type': typeUrl };
  unknown.push({ path, typeName });
  return { '@type': TYPED_STRUCT, type_url: typeUrl, value };
}

function readyMessage(desc: DescMessage, json: JsonValue, path: string, unknown: UnknownType[]): JsonValue {
  if (desc.typeName === 'google.protobuf.Duration') return typeof json === 'string' ? seconds(json) : json;
  if (!isObject(json)) return json;
  if (desc.typeName === 'google.protobuf.Any') return readyAny(json, path, unknown);
  return desc.typeName.startsWith('google.protobuf.') ? json : readyFields(desc, json, path, unknown);
}

function readyField(field: DescField | undefined, json: JsonValue, path: string, unknown: UnknownType[]): JsonValue {
  // what is no field, or not what the field is, is told by who decodes it
  if (field === undefined || field.fieldKind === 'scalar' || field.fieldKind === 'enum' || field.message === undefined) return json;
  const { message } = field;
  if (field.fieldKind === 'list')
    return Array.isArray(json) ? json.map((item, i) => readyMessage(message, item, `${path}[${i}]`, unknown)) : json;
  if (field.fieldKind === 'message') return readyMessage(message, json, path, unknown);
  if (!isObject(json)) return json;
  return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, readyMessage(message, item, `${path}[${key}]`, unknown)]));
}

/** `json`, which is a message of `desc`, as `decodeJson` reads it. */
function readyFields(desc: DescMessage, json: JsonObject, path: string, unknown: UnknownType[]): JsonObject {
  const fieldOf = (key: string) => desc.fields.find(({ name, jsonName }) => name === key || jsonName === key);
  const entries = Object.entries(json).map(([key, value]): [string, JsonValue] => [
    key,
    readyField(fieldOf(key), value, path === '' ? key : `${path}.${key}`, unknown),
  ]);
  return Object.fromEntries(entries);
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
  const schema = PATCH_SCHEMAS[applyTo];
  return { message: decodeJson(schema, readyFields(schema, json, '', unknown), typeRegistry), unknown };
}
