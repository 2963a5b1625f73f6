/**
 * Reads the ClientHello that a TLS connection begins with, from however many bytes have arrived: RFC 8446 section
 * 4.1.2 (TLS 1.3, the same shape in 1.2), section 5.1 (records), RFC 6066 section 3 (server name), RFC 7301 (ALPN).
 * Nothing is decrypted; what looks like no TLS is said to be none as early as its bytes show it.
 */
import { VectorReader } from './vector-reader.ts';

export interface ClientHello {
  /** In lower case; '' without the extension. */
  readonly serverName: string;
  /** Offered application protocols, in the client's order. */
  readonly alpn: readonly string[];
  /** The whole handshake message, for who wants to know more of it (`readHelloOffer`). */
  readonly message: Uint8Array;
}

export type HelloResult =
  | { readonly kind: 'hello'; readonly hello: ClientHello }
  /** So far it may be TLS; give more bytes. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'not-tls' };

/** The most bytes of a ClientHello that are looked at; a longer one is taken for no TLS. Envoy: TLS_MAX_CLIENT_HELLO. */
export const CLIENT_HELLO_BYTES_MAX = 16 * 1024;

const RECORD_HEADER_BYTES = 5;
const RECORD_BYTES_MAX = 16_384;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const MESSAGE_HEADER_BYTES = 4;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;

const INCOMPLETE: HelloResult = { kind: 'incomplete' };
const NOT_TLS: HelloResult = { kind: 'not-tls' };

interface Records {
  /** Undefined: no TLS. */
  readonly message: Uint8Array | undefined;
  readonly isWhole: boolean;
}

/** True where `bytes` (any number of them) can begin a handshake record of TLS 1.0 or later. */
function isRecordHeader(bytes: Uint8Array, at: number): boolean {
  const [type, major, minor, high, low] = bytes.subarray(at, at + RECORD_HEADER_BYTES);
  if (type !== undefined && type !== HANDSHAKE) return false;
  if (major !== undefined && major !== 3) return false;
  if (minor !== undefined && minor > 4) return false;
  if (high === undefined || low === undefined) return true;
  const length = high * 256 + low;
  return length > 0 && length <= RECORD_BYTES_MAX;
}

/** The length of the handshake message, with its header, or 0 where its header has not arrived. */
function messageLength(bytes: Uint8Array): number {
  if (bytes.length < MESSAGE_HEADER_BYTES) return 0;
  return MESSAGE_HEADER_BYTES + (bytes[1] ?? 0) * 65_536 + (bytes[2] ?? 0) * 256 + (bytes[3] ?? 0);
}

/** The handshake message that the first records carry; a client may cut it into several records. */
function joinRecords(bytes: Uint8Array): Records {
  const message = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length;) {
    if (!isRecordHeader(bytes, at)) return { message: undefined, isWhole: false };
    if (bytes.length - at <= RECORD_HEADER_BYTES) break;
    const recordLength = (bytes[at + 3] ?? 0) * 256 + (bytes[at + 4] ?? 0);
    const body = bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + recordLength);
    message.set(body, length);
    length += body.length;
    const wanted = messageLength(message.subarray(0, length));
    if (wanted > 0 && length >= wanted) return { message: message.subarray(0, wanted), isWhole: true };
    at += RECORD_HEADER_BYTES + recordLength;
  }
  return { message: message.subarray(0, length), isWhole: false };
}

/** RFC 6066: the one name of type host_name; '' where the list is empty. */
function readServerName(extension: VectorReader): string {
  const names = extension.vector(2);
  let found = '';
  while (names.left > 0 && !names.isBroken) {
    const type = names.number(1);
    const name = names.vector(2);
    if (type === 0 && found === '') found = name.text().toLowerCase();
  }
  extension.isBroken ||= names.isBroken;
  return found;
}

function readAlpn(extension: VectorReader): string[] {
  const names = extension.vector(2);
  const found: string[] = [];
  while (names.left > 0 && !names.isBroken) found.push(names.vector(1).text());
  extension.isBroken ||= names.isBroken;
  return found;
}

/** A name that a host can have; anything else in the extension is not looked at further. */
function isHostName(name: string): boolean {
  return name === '' || /^[\x21-\x7e]{1,255}$/.test(name);
}

function readMessage(message: Uint8Array): HelloResult {
  const reader = new VectorReader(message.subarray(MESSAGE_HEADER_BYTES));
  reader.take(2 + 32); // legacy_version, random
  reader.vector(1); // legacy_session_id
  reader.vector(2); // cipher_suites
  reader.vector(1); // legacy_compression_methods
  if (reader.isBroken) return NOT_TLS;
  if (reader.left === 0) return { kind: 'hello', hello: { serverName: '', alpn: [], message } };
  const extensions = reader.vector(2);
  let serverName: string | undefined;
  let alpn: readonly string[] | undefined;
  while (extensions.left > 0 && !extensions.isBroken) {
    const type = extensions.number(2);
    const extension = extensions.vector(2);
    // of two, nobody knows which one the server goes by: RFC 8446 section 4.2 forbids them
    if ((type === EXTENSION_SERVER_NAME && serverName !== undefined) || (type === EXTENSION_ALPN && alpn !== undefined)) return NOT_TLS;
    if (type === EXTENSION_SERVER_NAME) serverName = readServerName(extension);
    else if (type === EXTENSION_ALPN) alpn = readAlpn(extension);
    if (extension.isBroken) return NOT_TLS;
  }
  if (reader.isBroken || extensions.isBroken || !isHostName(serverName ?? '')) return NOT_TLS;
  return { kind: 'hello', hello: { serverName: serverName ?? '', alpn: alpn ?? [], message } };
}

/** Looks at the first bytes of a connection, all that have arrived so far. Never throws. */
export function parseClientHello(bytes: Uint8Array): HelloResult {
  const { message, isWhole } = joinRecords(bytes.subarray(0, CLIENT_HELLO_BYTES_MAX));
  if (message === undefined) return NOT_TLS;
  if (message.length > 0 && message[0] !== CLIENT_HELLO) return NOT_TLS;
  if (messageLength(message) > CLIENT_HELLO_BYTES_MAX) return NOT_TLS;
  if (isWhole) return readMessage(message);
  return bytes.length < CLIENT_HELLO_BYTES_MAX ? INCOMPLETE : NOT_TLS;
}
