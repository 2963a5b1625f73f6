/** Decodes resources and `typed_config` fields, and refuses what Tulle does not obey. */
import { type DescMessage, fromBinary, isMessage, type JsonObject, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { messageIn } from '../../xds/codec/any.ts';
import { TypedStructSchema as UdpaTypedStructSchema } from '../../xds/gen/udpa/type/v1/typed_struct_pb.ts';
import { TypedStructSchema as XdsTypedStructSchema } from '../../xds/gen/xds/type/v3/typed_struct_pb.ts';
import { checkSupported } from './check-supported.ts';

/** The message type that an Any's URL names: what follows the last slash. */
export function typeNameOf(any: Any): string {
  return any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1);
}

/** Decodes bytes of a known message type. Throws ConfigError for broken bytes and for every field Tulle does not obey. */
export function decodeResource<S extends DescMessage>(bytes: Uint8Array, schema: S, path: string): MessageShape<S> {
  let message: MessageShape<S>;
  try {
    message = fromBinary(schema, bytes);
  } catch (cause) {
    throw new ConfigError(path, `not a ${schema.typeName}: ${messageOf(cause)}`, { cause });
  }
  checkSupported(schema, message, path);
  return message;
}

/**
 * Decodes an Any that must hold a message of `schema`. `path` is the Any's own path, e.g.
 * `filter_chains[0].filters[1].typed_config`. Throws ConfigError as `decodeResource`, and for a missing or other type.
 */
export function decodeTyped<S extends DescMessage>(any: Any | undefined, schema: S, path: string): MessageShape<S> {
  if (any === undefined) throw new ConfigError(path, `missing; a ${schema.typeName} is needed`);
  const typeName = typeNameOf(any);
  if (typeName !== schema.typeName) throw new ConfigError(path, `is a ${typeName}; a ${schema.typeName} is needed`);
  const read = messageIn(any, schema);
  if (read === undefined) return decodeResource(any.value, schema, path);
  checkSupported(schema, read, path);
  return read;
}

/** The value of an Any that must hold a TypedStruct of `typeUrl`, as plain JSON. */
export function decodeStruct(any: Any | undefined, typeUrl: string, path: string): JsonObject {
  const schema = any !== undefined && typeNameOf(any) === XdsTypedStructSchema.typeName ? XdsTypedStructSchema : UdpaTypedStructSchema;
  const struct = decodeTyped(any, schema, path);
  if (struct.typeUrl !== typeUrl) throw new ConfigError(`${path}.type_url`, `is ${struct.typeUrl}; ${typeUrl} is needed`);
  return struct.value ?? {};
}

/** As `decodeStruct`, or what the message itself says as such a struct would, where it comes as one of `schema`. */
export function decodeStructOr(any: Any, schema: DescMessage | undefined, typeUrl: string, path: string): JsonValue {
  if (schema === undefined || typeNameOf(any) !== schema.typeName) return decodeStruct(any, typeUrl, path);
  return toJson(schema, decodeTyped(any, schema, path), { useProtoFieldName: true });
}

/** A message that a table of types has unpacked, as one of `schema`. Throws ConfigError where it is another. */
export function messageAs<S extends DescMessage>(schema: S, message: unknown, path: string): MessageShape<S> {
  if (!isMessage(message, schema)) throw new ConfigError(path, `is not a ${schema.typeName}`);
  return message;
}
