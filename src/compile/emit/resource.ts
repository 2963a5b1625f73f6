import { type DescMessage, fromBinary, type Message, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { contentHash } from './hash.ts';

/** One xDS resource, encoded once and shared by every proxy that gets it. */
export interface CompiledResource {
  readonly name: string;
  /** Hash of the content: equal versions are equal resources. */
  readonly version: string;
  /** The serialized message, the `value` of the `google.protobuf.Any` on the wire. */
  readonly bytes: Uint8Array;
  readonly message: Message;
}

/** Resources of one type by name. */
export type ResourceMap = ReadonlyMap<string, CompiledResource>;

/** A resource of which the message is read again where somebody looks at it: most are only ever sent. */
class EncodedResource implements CompiledResource {
  readonly name: string;
  readonly version: string;
  readonly bytes: Uint8Array;
  readonly #schema: DescMessage;
  #message: Message | undefined;

  constructor(schema: DescMessage, name: string, version: string, bytes: Uint8Array) {
    this.name = name;
    this.version = version;
    this.bytes = bytes;
    this.#schema = schema;
  }

  get message(): Message {
    this.#message ??= fromBinary(this.#schema, this.bytes);
    return this.#message;
  }
}

/** Encodes `message` as the resource `name`. */
export function resourceOf<Desc extends DescMessage>(schema: Desc, name: string, message: MessageShape<Desc>): CompiledResource {
  const bytes = toBinary(schema, message);
  return new EncodedResource(schema, name, contentHash(bytes), bytes);
}

/** The resource `name` of a message that is encoded already. */
export function encodedAs(schema: DescMessage, name: string, version: string, bytes: Uint8Array): CompiledResource {
  return new EncodedResource(schema, name, version, bytes);
}

/** A message of a repeated field, encoded once for every resource that holds it. */
export interface EncodedPart {
  /** With the field's tag and length. */
  readonly bytes: Uint8Array;
  readonly hash: string;
}

/** The message of a part, in the part's memory. */
export function contentOf({ bytes }: EncodedPart): Uint8Array {
  const reader = new BinaryReader(bytes);
  reader.tag();
  return reader.bytes();
}

const LENGTH_DELIMITED = 2;

/** Encodes `message` as an element of the repeated field `field`. */
export function partOf<Desc extends DescMessage>(schema: Desc, field: number, message: MessageShape<Desc>): EncodedPart {
  const writer = new BinaryWriter();
  writer.tag(field, LENGTH_DELIMITED).bytes(toBinary(schema, message));
  const bytes = writer.finish();
  return { bytes, hash: contentHash(bytes) };
}

/** What was joined of parts lately. */
interface Joined {
  readonly head: Uint8Array;
  readonly parts: readonly EncodedPart[];
  readonly resource: WeakRef<CompiledResource>;
}

/** By the first of the parts. */
const joinedLately = new WeakMap<EncodedPart, Joined[]>();
const JOINED_MAX = 8;

function areSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function areSameParts(a: readonly EncodedPart[], b: readonly EncodedPart[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const [left, right] = [a[i], b[i]];
    if (left === right) continue;
    if (left?.hash !== right?.hash || left === undefined || right === undefined || !areSameBytes(left.bytes, right.bytes)) return false;
  }
  return true;
}

/**
 * The resource `name` of `message` and, in their order, `parts`: elements of a field that the message leaves empty. The
 * same parts are the same resource: most namespaces have the same routes.
 */
export function resourceWith<Desc extends DescMessage>(
  schema: Desc,
  name: string,
  message: MessageShape<Desc>,
  parts: readonly EncodedPart[],
): CompiledResource {
  const head = toBinary(schema, message);
  const [first] = parts;
  if (first === undefined) return joinParts(schema, name, head, parts);
  const lately = joinedLately.get(first) ?? [];
  const isSame = (each: Joined): boolean => areSameBytes(each.head, head) && areSameParts(each.parts, parts);
  const known = lately.find((each) => isSame(each) && each.resource.deref()?.name === name)?.resource.deref();
  if (known !== undefined) return known;
  const made = joinParts(schema, name, head, parts);
  joinedLately.set(first, [{ head, parts, resource: new WeakRef(made) }, ...lately].slice(0, JOINED_MAX));
  return made;
}

function joinParts(schema: DescMessage, name: string, head: Uint8Array, parts: readonly EncodedPart[]): CompiledResource {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.length, head.length));
  bytes.set(head);
  let at = head.length;
  for (const part of parts) {
    bytes.set(part.bytes, at);
    at += part.bytes.length;
  }
  const hashes = new TextEncoder().encode(parts.map(({ hash }) => hash).join(''));
  return new EncodedResource(schema, name, contentHash(head) + contentHash(hashes), bytes);
}

/** Resources by name, in order of name; of two with one name the first stays. */
export function byName(...lists: readonly Iterable<CompiledResource>[]): ResourceMap {
  const all = new Map<string, CompiledResource>();
  for (const list of lists) for (const resource of list) if (!all.has(resource.name)) all.set(resource.name, resource);
  return new Map([...all].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
