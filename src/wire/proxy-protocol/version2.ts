/**
 * Version 2: a signature of twelve bytes, version and command, family and transport, the length of what follows, two
 * addresses with their ports, and further fields. Of the transports only streams are taken: this is for connections. Of the
 * families only IP, as in Envoy: a sender that does not say whom a connection is from says LOCAL.
 */
import { formatIp } from './format-ip.ts';
import { crc32c } from './crc32c.ts';
import { INCOMPLETE, malformed, type ProxyEndpoint, type ProxyHeader, type ProxyHeaderResult, type ProxyTlv } from './result.ts';

const VERSION_OFFSET = 12;
const FAMILY_OFFSET = 13;
const LENGTH_OFFSET = 14;
const FIXED_BYTES = 16;
const VERSION = 2;
const LOCAL = 0;
const PROXY = 1;
const TCP4 = 0x11;
const TCP6 = 0x21;
const TLV_CRC32C = 0x03;
const TLV_HEADER_BYTES = 3;

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** `slice` of a Buffer would be a view. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** Two addresses of so many bytes from `at` on, then two ports. */
function endpointsAt(bytes: Uint8Array, at: number, addressBytes: number): ProxyHeader['endpoints'] {
  const ports = at + addressBytes * 2;
  const endpoint = (from: number, port: number): ProxyEndpoint => ({
    address: formatIp(bytes.subarray(from, from + addressBytes)),
    port: uint16(bytes, port),
  });
  return { source: endpoint(at, ports), destination: endpoint(at + addressBytes, ports + 2) };
}

/** The fields from `start` to `end`; undefined where one is cut off. */
function tlvsAt(bytes: Uint8Array, start: number, end: number): ProxyTlv[] | undefined {
  const tlvs: ProxyTlv[] = [];
  let at = start;
  while (at < end) {
    const valueStart = at + TLV_HEADER_BYTES;
    const valueEnd = valueStart + uint16(bytes, at + 1);
    if (valueEnd > end || valueStart > end) return undefined;
    tlvs.push({ type: bytes[at] ?? 0, value: copyOf(bytes.subarray(valueStart, valueEnd)) });
    at = valueEnd;
  }
  return tlvs;
}

/** Whether a checksum that the header carries is right; it is made with zeros in its place. */
function isChecksumRight(header: Uint8Array, tlvs: readonly ProxyTlv[], tlvsStart: number): boolean {
  let at = tlvsStart;
  for (const { type, value } of tlvs) {
    if (type === TLV_CRC32C) {
      const valueStart = at + TLV_HEADER_BYTES;
      const zeroed = copyOf(header).fill(0, valueStart, valueStart + value.length);
      const claimed = uint16(value, 0) * 0x10000 + uint16(value, 2);
      if (value.length !== 4 || crc32c(zeroed) !== claimed) return false;
    }
    at += TLV_HEADER_BYTES + value.length;
  }
  return true;
}

/** Bytes of one address of a family; 0 where the connection is the sender's own; undefined for what is not taken. */
function addressBytesOf(command: number, family: number): number | undefined {
  if (command === LOCAL) return 0;
  if (family === TCP4) return 4;
  return family === TCP6 ? 16 : undefined;
}

/** Reads a header that begins with the signature. */
export function readVersion2(bytes: Uint8Array): ProxyHeaderResult {
  if (bytes.length < FIXED_BYTES) return INCOMPLETE;
  const versionAndCommand = bytes[VERSION_OFFSET] ?? 0;
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >> 4 !== VERSION || (command !== LOCAL && command !== PROXY)) return malformed('unknown version or command');
  const addressBytes = addressBytesOf(command, bytes[FAMILY_OFFSET] ?? 0);
  if (addressBytes === undefined) return malformed('unsupported address family or transport');
  const lengthBytes = FIXED_BYTES + uint16(bytes, LENGTH_OFFSET);
  const tlvsStart = FIXED_BYTES + (addressBytes === 0 ? 0 : addressBytes * 2 + 4);
  if (tlvsStart > lengthBytes) return malformed('too short for its addresses');
  if (bytes.length < lengthBytes) return INCOMPLETE;
  // Whatever follows LOCAL may be addresses as well as fields: it is skipped, as the document asks.
  const tlvs = addressBytes === 0 ? [] : tlvsAt(bytes, tlvsStart, lengthBytes);
  if (tlvs === undefined) return malformed('field cut off');
  if (!isChecksumRight(bytes.subarray(0, lengthBytes), tlvs, tlvsStart)) return malformed('wrong checksum');
  const endpoints = addressBytes === 0 ? undefined : endpointsAt(bytes, FIXED_BYTES, addressBytes);
  return { kind: 'header', header: { version: 2, endpoints, tlvs, lengthBytes } };
}
