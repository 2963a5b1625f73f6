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

/** Field 2 of a response: Resource { name = 3, version = 1, resource = 2 }. */
function encode(typeUrl: string, resource: XdsResource): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(2, LENGTH_DELIMITED).fork();
  text(writer, 1, resource.version);
  writer.tag(2, LENGTH_DELIMITED).fork();
  text(writer, 1, typeUrl);
  if (resource.bytes.length > 0) writer.tag(2, LENGTH_DELIMITED).bytes(resource.bytes);
  writer.join();
  text(writer, 3, resource.name);
  writer.join();
  return writer.finish();
}

/** A resource on its own, encoded once. */
function resourceBytes(typeUrl: string, resource: XdsResource): Uint8Array {
  const known = encoded.get(resource);
  if (known !== undefined) return known;
  const bytes = encode(typeUrl, resource);
  encoded.set(resource, bytes);
  return bytes;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** All of `resources` one after the other, kept while the set lives. */
function joinedBytes(typeUrl: string, resources: TypeResources): Uint8Array {
  const known = joined.get(resources);
  if (known !== undefined) return known;
  const bytes = join([...resources.values()].map((resource) => encode(typeUrl, resource)));
  joined.set(resources, bytes);
  return bytes;
}

function wholeBytes(typeUrl: string, all: TypeResources): Uint8Array[] {
  return layersOf(all).flatMap((layer) => {
    if (layer.size >= JOINED_MIN) return [joinedBytes(typeUrl, layer)];
    return [...layer.values()].map((resource) => resourceBytes(typeUrl, resource));
  });
}

/** The message of `push` in parts, most of them shared with other clients. `all` is the set that it was taken from. */
export function deltaBytes(push: Push, all: TypeResources): readonly Uint8Array[] {
  const { typeUrl, version, nonce, resources, removed } = push;
  const writer = new BinaryWriter();
  text(writer, 1, version);
  text(writer, 4, typeUrl);
  text(writer, 5, nonce);
  for (const name of removed) writer.tag(6, LENGTH_DELIMITED).string(name);
  const head = writer.finish();
  if (resources.length === all.size) return [head, ...wholeBytes(typeUrl, all)];
  return [head, ...resources.map((resource) => resourceBytes(typeUrl, resource))];
}
