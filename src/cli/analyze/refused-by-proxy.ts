/** What the proxy would refuse of a message that an EnvoyFilter writes: the proxy's own table, asked beforehand. */
import { type DescField, type DescMessage, fromBinary, isFieldSet, isMessage, type Message } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { ConfigError } from '../../core/errors.ts';
import { checkSupported } from '../../proxy/config/check-supported.ts';
import { typeNameOf } from '../../proxy/config/typed-config.ts';
import { typeRegistry } from '../../xds/type-registry.ts';

interface Refusal {
  readonly path: string;
  readonly reason: string;
}

function join(path: string, name: string): string {
  if (path === '' || name === '') return `${path}${name}`;
  return `${path}.${name}`;
}

function refusalOf(desc: DescMessage, message: Message, path: string): Refusal[] {
  try {
    checkSupported(desc, message, path);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return [{ path: error.path, reason: error.reason }];
    throw error;
  }
}

function valueOf(message: Message, field: DescField): unknown {
  const owner: unknown = field.oneof === undefined ? message : Reflect.get(message, field.oneof.localName);
  return typeof owner === 'object' && owner !== null
    ? Reflect.get(owner, field.oneof === undefined ? field.localName : 'value')
    : undefined;
}

/** The messages in a field, each with its path. */
function messagesIn(field: DescField, value: unknown, path: string): readonly (readonly [path: string, value: unknown])[] {
  if (field.fieldKind === 'list' && Array.isArray(value)) return value.map((item: unknown, i) => [`${path}[${i}]`, item] as const);
  if (field.fieldKind === 'map' && typeof value === 'object' && value !== null)
    return Object.entries(value).map(([key, item]) => [`${path}[${key}]`, item] as const);
  return [[path, value]];
}

/** Whatever extensions hold, all the way down: `checkSupported` leaves them to who decodes them. */
function inExtensions(desc: DescMessage, message: Message, path: string): Refusal[] {
  return desc.fields.flatMap((field) => {
    if (field.message === undefined || !isFieldSet(message, field)) return [];
    const inner = field.message;
    return messagesIn(field, valueOf(message, field), join(path, field.name)).flatMap(([at, value]) => {
      if (isMessage(value, AnySchema)) {
        const type = typeRegistry.getMessage(typeNameOf(value));
        return type === undefined ? [] : refusedAt(type, fromBinary(type, value.value), at);
      }
      return isMessage(value) ? inExtensions(inner, value, at) : [];
    });
  });
}

function refusedAt(desc: DescMessage, message: Message, path: string): Refusal[] {
  return [...refusalOf(desc, message, path), ...inExtensions(desc, message, path)];
}

/** What of `message` the proxy would refuse: of each message in it the first. */
export function refusedByProxy(desc: DescMessage, message: Message): readonly Refusal[] {
  return refusedAt(desc, message, '');
}
