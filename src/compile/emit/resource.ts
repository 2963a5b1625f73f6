import { type DescMessage, type Message, type MessageShape, toBinary } from '@bufbuild/protobuf';
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

/** Encodes `message` as the resource `name`. */
export function resourceOf<Desc extends DescMessage>(schema: Desc, name: string, message: MessageShape<Desc>): CompiledResource {
  const bytes = toBinary(schema, message);
  return { name, version: contentHash(bytes), bytes, message };
}

/** Resources by name, in order of name; of two with one name the first stays. */
export function byName(...lists: readonly Iterable<CompiledResource>[]): ResourceMap {
  const all = new Map<string, CompiledResource>();
  for (const list of lists) for (const resource of list) if (!all.has(resource.name)) all.set(resource.name, resource);
  return new Map([...all].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
