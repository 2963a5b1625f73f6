/**
 * What Istio's proxies say of themselves before a TCP connection's own bytes (`istio.metadata_exchange`): a magic number
 * and a length, 4 bytes each, the most significant first, then a google.protobuf.Any with a Struct that has the metadata
 * of `x-envoy-peer-metadata`. Source: Envoy, contrib/istio/filters/network/metadata_exchange.
 */
import { create, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { anyPack, AnySchema, anyUnpack, StructSchema } from '@bufbuild/protobuf/wkt';
import type { LocalNode } from '../http/filter.ts';
import { METADATA_HEADER, METADATA_ID_HEADER, metadataOf, metadataOfNode, type PeerMetadata, structOfMetadata } from './peer-metadata.ts';

const MAGIC = 0x3d230467;
const HEADER_BYTES = 8;
/** Longest message that is waited for: Istio's own have some hundred bytes. */
const MESSAGE_BYTES_MAX = 65_536;

/** What the first bytes of a peer come to; `bytes` of them are the exchange's own. */
export type Frame =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'too-long'; readonly bytes: number }
  /** `peer` undefined: the peer says nothing that can be read. */
  | { readonly kind: 'read'; readonly peer: PeerMetadata | undefined; readonly bytes: number };

/** The local workload's frame. */
export function encodeFrame(node: LocalNode): Buffer {
  const struct = fromJson(StructSchema, {
    [METADATA_HEADER]: structOfMetadata(metadataOfNode(node)),
    ...(node.id !== '' && { [METADATA_ID_HEADER]: node.id }),
  });
  const message = toBinary(AnySchema, anyPack(StructSchema, struct));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(message.length, 4);
  return Buffer.concat([header, message]);
}

function readPeer(message: Uint8Array): PeerMetadata | undefined {
  const struct = anyUnpack(fromBinary(AnySchema, message), StructSchema);
  const value: unknown = toJson(StructSchema, struct ?? create(StructSchema));
  const own: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, METADATA_HEADER) : undefined;
  return own === undefined ? undefined : metadataOf(own);
}

/** Reads a peer's first bytes. What is no frame is the application's, all of it; of a frame that says nothing, what follows its header. */
export function readFrame(bytes: Buffer): Frame {
  if (bytes.length < HEADER_BYTES) return { kind: 'incomplete' };
  if (bytes.readUInt32BE(0) !== MAGIC) return { kind: 'read', peer: undefined, bytes: 0 };
  const length = bytes.readUInt32BE(4);
  if (length > MESSAGE_BYTES_MAX) return { kind: 'too-long', bytes: length };
  const end = HEADER_BYTES + length;
  if (bytes.length < end) return { kind: 'incomplete' };
  try {
    return { kind: 'read', peer: readPeer(bytes.subarray(HEADER_BYTES, end)), bytes: end };
  } catch {
    return { kind: 'read', peer: undefined, bytes: HEADER_BYTES };
  }
}
