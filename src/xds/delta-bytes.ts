/**
 * Responses of delta xDS as bytes. A resource is encoded once for all clients, and a whole set of resources is joined
 * once, since most clients begin with the same ones; what is a client's own is a few bytes at the front.
 * Source: envoy/service/discovery/v3/discovery.proto, DeltaDiscoveryResponse and Resource.
 */
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { layersOf } from './layered.ts';
import type { Push } from './server-core.ts';
import type { TypeResources, XdsResource } from './subscription.ts';

const LENGTH_DELIMITED = 2;
/** Fewer resources than these are not worth joining. */
const JOINED_MIN = 8;

const encoded = new WeakMap<XdsResource, Uint8Array>();
const joined = new WeakMap<TypeResources, Uint8Array>();

function text(writer: BinaryWriter, field: number, value: string): void {
  if (value !== '') writer.tag(field, LENGTH_DELIMITED).string(value);
}

function varintLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

/** Bytes of a field with a tag of one byte. */
function fieldLength(length: number): number {
  return length === 0 ? 0 : 1 + varintLength(length) + length;
}

/** A resource whose texts are bytes, and how long its Any and all of it are. */
interface Measured {
  readonly name: Uint8Array;
  readonly version: Uint8Array;
  readonly bytes: Uint8Array;
  readonly anyLength: number;
  readonly length: number;
}

const utf8 = new TextEncoder();

function measure(type: Uint8Array, { name: text, version: hash, bytes }: XdsResource): Measured {
  const [name, version] = [utf8.encode(text), utf8.encode(hash)];
  const anyLength = fieldLength(type.length) + fieldLength(bytes.length);
  return { name, version, bytes, anyLength, length: fieldLength(version.length) + fieldLength(anyLength) + fieldLength(name.length) };
}

/** Writes `field` and its length; returns where its content goes. */
function putHead(into: Uint8Array, at: number, field: number, length: number): number {
  let end = at;
  into[end++] = (field << 3) | LENGTH_DELIMITED;
  let rest = length;
  for (; rest >= 0x80; rest >>>= 7) into[end++] = (rest & 0x7f) | 0x80;
  into[end++] = rest;
  return end;
}

function putBytes(into: Uint8Array, at: number, field: number, value: Uint8Array): number {
  if (value.length === 0) return at;
  const start = putHead(into, at, field, value.length);
  into.set(value, start);
  return start + value.length;
}

/** Field 2 of a response: Resource { name = 3, version = 1, resource = 2 }. Returns where it ends. */
function put(into: Uint8Array, at: number, type: Uint8Array, { name, version, bytes, anyLength, length }: Measured): number {
  let end = putHead(into, at, 2, length);
  end = putBytes(into, end, 1, version);
  end = putHead(into, end, 2, anyLength);
  end = putBytes(into, end, 1, type);
  end = putBytes(into, end, 2, bytes);
  return putBytes(into, end, 3, name);
}

/** Written by hand into memory of the right size: a cold start encodes every resource for every kind of client. */
function encode(typeUrl: string, resources: readonly XdsResource[]): Uint8Array {
  const type = utf8.encode(typeUrl);
  const measured = resources.map((resource) => measure(type, resource));
  const bytes = new Uint8Array(measured.reduce((sum, { length }) => sum + fieldLength(length), 0));
  let at = 0;
  for (const each of measured) at = put(bytes, at, type, each);
  return bytes;
}

/** A resource on its own, encoded once. */
function resourceBytes(typeUrl: string, resource: XdsResource): Uint8Array {
  const known = encoded.get(resource);
  if (known !== undefined) return known;
  const bytes = encode(typeUrl, [resource]);
  encoded.set(resource, bytes);
  return bytes;
}

/** All of `resources` one after the other, kept while the set lives. */
function joinedBytes(typeUrl: string, resources: TypeResources): Uint8Array {
  const known = joined.get(resources);
  if (known !== undefined) return known;
  const bytes = encode(typeUrl, [...resources.values()]);
  joined.set(resources, bytes);
  return bytes;
}

function wholeBytes(typeUrl: string, all: TypeResources): Uint8Array[] {
  return layersOf(all).flatMap((layer) => {
    if (layer.size >= JOINED_MIN) return [joinedBytes(typeUrl, layer)];
    return [...layer.values()].map((resource) => resourceBytes(typeUrl, resource));
  });
}

let lastStart: { readonly typeUrl: string; readonly version: string; readonly bytes: Uint8Array } | undefined;

/** Version and type of a response, which most clients are told alike. */
function startOf(typeUrl: string, version: string): Uint8Array {
  if (lastStart?.typeUrl === typeUrl && lastStart.version === version) return lastStart.bytes;
  const writer = new BinaryWriter();
  text(writer, 1, version);
  text(writer, 4, typeUrl);
  lastStart = { typeUrl, version, bytes: writer.finish() };
  return lastStart.bytes;
}

/** What is a client's own. */
function headOf({ typeUrl, version, nonce, removed }: Push): Uint8Array {
  const start = startOf(typeUrl, version);
  if (removed.length === 0 && nonce.length < 0x80) {
    // a nonce is digits
    const head = new Uint8Array(start.length + 2 + nonce.length);
    head.set(start);
    const at = putHead(head, start.length, 5, nonce.length);
    for (let i = 0; i < nonce.length; i++) head[at + i] = nonce.charCodeAt(i);
    return head;
  }
  const writer = new BinaryWriter().raw(start);
  text(writer, 5, nonce);
  for (const name of removed) writer.tag(6, LENGTH_DELIMITED).string(name);
  return writer.finish();
}

interface Made {
  readonly push: Push;
  /** The set that it was all of; undefined where it was some. */
  readonly whole: TypeResources | undefined;
  readonly parts: readonly Uint8Array[];
}

/** The message that was made last: clients with the same past are told the same with the same nonce, one after the other. */
let lastMade: Made | undefined;

/** As many resources as are compared to see that two messages are one. */
const COMPARED_MAX = 8;

function isLast({ push, whole }: Made, { typeUrl, version, nonce, resources, removed }: Push, all: TypeResources | undefined): boolean {
  if (push.nonce !== nonce || push.version !== version || push.typeUrl !== typeUrl || whole !== all) return false;
  if (removed.length > 0 || push.removed.length > 0 || push.resources.length !== resources.length) return false;
  if (all !== undefined || push.resources === resources) return true;
  return resources.length <= COMPARED_MAX && resources.every((each, i) => each === push.resources[i]);
}

/**
 * The message of `push` in parts, most of them shared with other clients; the same list for the same message, where it
 * is asked for again at once. `all` is the set that it was taken from.
 */
export function deltaBytes(push: Push, all: TypeResources): readonly Uint8Array[] {
  const { typeUrl, resources } = push;
  const whole = resources.length === all.size ? all : undefined;
  if (lastMade !== undefined && isLast(lastMade, push, whole)) return lastMade.parts;
  const content = whole === undefined ? resources.map((each) => resourceBytes(typeUrl, each)) : wholeBytes(typeUrl, whole);
  lastMade = { push, whole, parts: [headOf(push), ...content] };
  return lastMade.parts;
}
