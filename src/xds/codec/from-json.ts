/**
 * Reads configuration from JSON. It gives what protobuf-es's `fromJson` gives, with two differences that a proxy's
 * start needs: only the types that a configuration uses are looked at (`fromJson` prepares readers for all that could
 * be), and what is wrong is told with its path. Values that are written in no plain way are left to `fromJson`.
 */
import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  type Registry,
  ScalarType,
} from '@bufbuild/protobuf';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { anyOf } from './any.ts';
import { type AnyMessage, emptyMessage, isUnwrapped } from './plan.ts';

const DEPTH_MAX = 100;
const INT32_MAX = 0x7fff_ffff;
const UINT32_MAX = 0xffff_ffff;

/** What a value that has to be read by `fromJson` is read as. */
const NOT_PLAIN = Symbol('not plain');

/** Reads one value of a field; the value, or NOT_PLAIN. */
type Read = (json: JsonValue, reading: Reading) => unknown;

interface FieldPlan {
  readonly field: DescField;
  readonly property: string;
  /** The property of its oneof. */
  readonly group: string | undefined;
  /** Made when the field is met for the first time. */
  read: Read | undefined;
}

interface Reading {
  readonly registry: Registry;
  /** Steps to where the reader is: `field`, `[key]`, and numbers of lists. */
  readonly path: (string | number)[];
}

const plans = new WeakMap<DescMessage, Map<string, FieldPlan>>();

function planOf(desc: DescMessage): Map<string, FieldPlan> {
  let plan = plans.get(desc);
  if (plan !== undefined) return plan;
  plan = new Map();
  for (const field of desc.fields) {
    const one: FieldPlan = { field, property: field.localName, group: field.oneof?.localName, read: undefined };
    plan.set(field.name, one).set(field.jsonName, one);
  }
  plans.set(desc, plan);
  return plan;
}

function stepOf(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`;
  return step.startsWith('[') ? step : `.${step}`;
}

function fail({ path }: Reading, reason: string, cause?: unknown): never {
  const text = path.map(stepOf).join('');
  throw new ConfigError(text.startsWith('.') ? text.slice(1) : text, reason, cause === undefined ? undefined : { cause });
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

const isInteger = (json: JsonValue, min: number, max: number): boolean =>
  typeof json === 'number' && Number.isInteger(json) && json >= min && json <= max;

function plainScalar(scalar: ScalarType, json: JsonValue): unknown {
  switch (scalar) {
    case ScalarType.STRING:
      return typeof json === 'string' && json.isWellFormed() ? json : NOT_PLAIN;
    case ScalarType.BOOL:
      return typeof json === 'boolean' ? json : NOT_PLAIN;
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return isInteger(json, -INT32_MAX - 1, INT32_MAX) ? json : NOT_PLAIN;
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return isInteger(json, 0, UINT32_MAX) ? json : NOT_PLAIN;
    case ScalarType.UINT64:
    case ScalarType.INT64:
      return typeof json === 'number' && isInteger(json, 0, Number.MAX_SAFE_INTEGER) ? BigInt(json) : NOT_PLAIN;
    case ScalarType.DOUBLE:
      return typeof json === 'number' && Number.isFinite(json) ? json : NOT_PLAIN;
    default:
      return NOT_PLAIN;
  }
}

function enumReader(field: DescField): Read {
  const numbers = new Map(field.enum?.values.map(({ name, number }) => [name, number]));
  return (json) =>
    typeof json === 'string' ? (numbers.get(json) ?? NOT_PLAIN) : isInteger(json, -INT32_MAX - 1, INT32_MAX) ? json : NOT_PLAIN;
}

/** A reader for a type of Google's own, most of which JSON has its own way for. */
function wellKnownReader(field: DescField, desc: DescMessage): Read {
  if (desc.typeName === 'google.protobuf.Any') return readAny;
  // where a field has a Struct it has JSON as it stands
  if (desc.typeName === 'google.protobuf.Struct') return (json) => (isObject(json) ? json : NOT_PLAIN);
  if (isUnwrapped(field, desc)) {
    const scalar = desc.fields[0]?.scalar ?? ScalarType.BYTES;
    return (json) => plainScalar(scalar, json);
  }
  return (json, reading) => {
    if (json === null) return NOT_PLAIN;
    try {
      return fromJson(desc, json);
    } catch (cause) {
      return fail(reading, messageOf(cause), cause);
    }
  };
}

/** A reader for single values: of the field, its list or its map. */
function valueReader(field: DescField): Read {
  const { message, scalar } = field;
  if (scalar !== undefined) return (json) => plainScalar(scalar, json);
  if (message === undefined) return enumReader(field);
  if (message.typeName.startsWith('google.protobuf.')) return wellKnownReader(field, message);
  return (json, reading) => (json === null ? NOT_PLAIN : readMessage(message, json, reading));
}

function listReader(read: Read): Read {
  return (json, reading) => {
    if (!Array.isArray(json)) return NOT_PLAIN;
    const list: unknown[] = [];
    for (let i = 0; i < json.length; i++) {
      reading.path.push(i);
      const value = read(json[i] ?? null, reading);
      reading.path.pop();
      if (value === NOT_PLAIN) return NOT_PLAIN;
      list.push(value);
    }
    return list;
  };
}

function mapReader(read: Read): Read {
  return (json, reading) => {
    if (!isObject(json)) return NOT_PLAIN;
    const map: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(json)) {
      reading.path.push(`[${key}]`);
      const value = read(item, reading);
      reading.path.pop();
      if (value === NOT_PLAIN || key === '__proto__') return NOT_PLAIN;
      map[key] = value;
    }
    return map;
  };
}

function readerOf(field: DescField): Read {
  const read = valueReader(field);
  if (field.fieldKind === 'list') return listReader(read);
  if (field.fieldKind !== 'map') return read;
  return field.mapKey === ScalarType.STRING ? mapReader(read) : () => NOT_PLAIN;
}

/** Reads one field by protobuf-es, which knows every way to write a value, and what is none. */
function readSlowly(
  desc: DescMessage,
  { field, property, group }: FieldPlan,
  json: JsonValue,
  message: AnyMessage,
  reading: Reading,
): void {
  try {
    const read: Record<string, unknown> = { ...fromJson(desc, { [field.name]: json }, { registry: reading.registry }) };
    if (group !== undefined) message[group] = read[group];
    else if (Object.hasOwn(read, property)) message[property] = read[property];
  } catch (cause) {
    fail(reading, messageOf(cause), cause);
  }
}

function readField(desc: DescMessage, plan: FieldPlan, json: JsonValue, message: AnyMessage, reading: Reading): void {
  plan.read ??= readerOf(plan.field);
  const value = plan.read(json, reading);
  if (value === NOT_PLAIN) readSlowly(desc, plan, json, message, reading);
  else if (plan.group === undefined) message[plan.property] = value;
  else message[plan.group] = { case: plan.property, value };
}

function readMessage(desc: DescMessage, json: JsonValue, reading: Reading, skipped?: string): AnyMessage {
  if (!isObject(json)) fail(reading, `is ${JSON.stringify(json)}; a ${desc.typeName} is needed`);
  if (reading.path.length > DEPTH_MAX) fail(reading, 'is nested too deeply');
  const plan = planOf(desc);
  const message = emptyMessage(desc);
  const seen: string[] = [];
  for (const key of Object.keys(json)) {
    if (key === skipped) continue;
    reading.path.push(key);
    const one = plan.get(key);
    if (one === undefined) fail(reading, `no such field in ${desc.typeName}`);
    const slot = one.group ?? one.property;
    if (seen.includes(slot)) fail(reading, one.group === undefined ? 'is set twice' : `another of ${one.group} is set too`);
    const value = json[key] ?? null;
    if (value !== null) seen.push(slot);
    readField(desc, one, value, message, reading);
    reading.path.pop();
  }
  return message;
}

function readAny(json: JsonValue, reading: Reading): unknown {
  if (!isObject(json)) return NOT_PLAIN;
  const typeUrl = json['@type'];
  if (typeof typeUrl !== 'string') fail(reading, '"@type" is missing');
  const desc = reading.registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1));
  if (desc === undefined) fail(reading, `${typeUrl} is not supported by Tulle`);
  // the JSON of Google's own types stands beside the type's name, under "value"
  if (desc.typeName.startsWith('google.protobuf.')) return NOT_PLAIN;
  return anyOf(desc, readMessage(desc, json, reading, '@type'));
}

/**
 * Reads a message from JSON, with the types of `registry` in Anys. Throws ConfigError, with the path from the message,
 * for fields that do not exist and values that their fields cannot have.
 */
export function decodeJson<S extends DescMessage>(schema: S, json: JsonValue, registry: Registry): MessageShape<S> {
  // the message was made by the descriptor, which the compiler cannot follow
  return readMessage(schema, json, { registry, path: [] }) as unknown as MessageShape<S>;
}
