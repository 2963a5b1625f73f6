/** What a client offers in its ClientHello besides names: RFC 8446 section 4.1.2 and 4.2. For hellos that were parsed already. */
import { VectorReader } from './vector-reader.ts';

export interface HelloOffer {
  /** `legacy_version`. */
  readonly version: number;
  readonly ciphers: readonly number[];
  /** Types of the extensions in their order. */
  readonly extensions: readonly number[];
  readonly groups: readonly number[];
  readonly pointFormats: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  /** Of the extension; empty without it. */
  readonly versions: readonly number[];
  /** Groups that it sends a key of (TLS 1.3). */
  readonly keyShares: readonly number[];
}

const MESSAGE_HEADER_BYTES = 4;
const RANDOM_BYTES = 32;

const GROUPS = 10;
const POINT_FORMATS = 11;
const SIGNATURE_ALGORITHMS = 13;
const SUPPORTED_VERSIONS = 43;
const KEY_SHARE = 51;
/** Extension type by which a client asks for a stapled OCSP response. */
export const STATUS_REQUEST = 5;

function numbers(reader: VectorReader, width: number): number[] {
  const found: number[] = [];
  while (reader.left > 0 && !reader.isBroken) found.push(reader.number(width));
  return found;
}

function keyShares(reader: VectorReader): number[] {
  const found: number[] = [];
  while (reader.left > 0 && !reader.isBroken) {
    found.push(reader.number(2));
    reader.vector(2);
  }
  return found;
}

/** Reads `ClientHello.message`. Never throws; what is broken is empty. */
export function readHelloOffer(message: Uint8Array): HelloOffer {
  const reader = new VectorReader(message.subarray(MESSAGE_HEADER_BYTES));
  const version = reader.number(2);
  reader.take(RANDOM_BYTES);
  reader.vector(1); // legacy_session_id
  const ciphers = numbers(reader.vector(2), 2);
  reader.vector(1); // legacy_compression_methods
  const list = reader.vector(2);
  const found: Record<'groups' | 'pointFormats' | 'signatureAlgorithms' | 'versions' | 'keyShares', number[]> = {
    groups: [],
    pointFormats: [],
    signatureAlgorithms: [],
    versions: [],
    keyShares: [],
  };
  const extensions: number[] = [];
  while (list.left > 0 && !list.isBroken) {
    const type = list.number(2);
    const extension = list.vector(2);
    extensions.push(type);
    if (type === GROUPS) found.groups = numbers(extension.vector(2), 2);
    else if (type === POINT_FORMATS) found.pointFormats = numbers(extension.vector(1), 1);
    else if (type === SIGNATURE_ALGORITHMS) found.signatureAlgorithms = numbers(extension.vector(2), 2);
    else if (type === SUPPORTED_VERSIONS) found.versions = numbers(extension.vector(1), 2);
    else if (type === KEY_SHARE) found.keyShares = keyShares(extension.vector(2));
  }
  return { version, ciphers, extensions, ...found };
}

/** Values that clients send to keep servers from choking on new ones (RFC 8701). */
export function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
}
