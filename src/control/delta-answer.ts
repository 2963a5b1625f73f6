/** Answers of delta clients, read without a decoder: of each change there are as many as there are proxies. */
import type { Buffer } from 'node:buffer';
import { create } from '@bufbuild/protobuf';
import { type DeltaDiscoveryRequest, DeltaDiscoveryRequestSchema } from '../xds/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { sharedUrl } from '../xds/types.ts';

const NO_REQUEST = create(DeltaDiscoveryRequestSchema);
/** Tags of type_url and response_nonce (discovery.proto). */
const TYPE_URL = 0x12;
const NONCE = 0x32;
/** A length of one byte is below it. */
const LENGTH_END = 0x80;

/** A request of a type and a nonce, each below 128 bytes, and nothing else; undefined: it is another, to be decoded. */
export function readAnswer(bytes: Buffer): DeltaDiscoveryRequest | undefined {
  const typeLength = bytes[1] ?? LENGTH_END;
  if (bytes[0] !== TYPE_URL || typeLength >= LENGTH_END) return undefined;
  const typeEnd = 2 + typeLength;
  const nonceLength = bytes[typeEnd + 1] ?? LENGTH_END;
  if (bytes[typeEnd] !== NONCE || nonceLength >= LENGTH_END || typeEnd + 2 + nonceLength !== bytes.length) return undefined;
  return { ...NO_REQUEST, typeUrl: sharedUrl(bytes.toString('utf8', 2, typeEnd)), responseNonce: bytes.toString('utf8', typeEnd + 2) };
}
