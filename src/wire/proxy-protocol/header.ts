/**
 * The PROXY protocol: what a load balancer says at the beginning of a connection about who it came from. Follows
 * https://www.haproxy.org/download/3.1/doc/proxy-protocol.txt, versions 1 (a line of text) and 2 (binary). Reads from
 * however many bytes have arrived; what is no such header is said to be none as early as its bytes show it.
 */
import { ABSENT, INCOMPLETE, type ProxyHeader, type ProxyHeaderResult } from './result.ts';
import { readVersion1 } from './version1.ts';
import { readVersion2 } from './version2.ts';

/** How version 1 and version 2 begin. No protocol that clients speak first begins so. */
const TEXT_SIGNATURE = Uint8Array.from('PROXY ', (character) => character.charCodeAt(0));
const BINARY_SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);

/** Whether `bytes` begin with `signature`, as far as they go. */
function beginsWith(bytes: Uint8Array, signature: Uint8Array): boolean {
  return signature.every((byte, i) => i >= bytes.length || bytes[i] === byte);
}

/** The version of the header that `bytes` begin, as far as they go, or undefined; one byte tells the two apart. */
export function begunVersion(bytes: Uint8Array): ProxyHeader['version'] | undefined {
  if (beginsWith(bytes, TEXT_SIGNATURE)) return 1;
  return beginsWith(bytes, BINARY_SIGNATURE) ? 2 : undefined;
}

/** Reads the header that `bytes`, a connection's first, begin with. Nothing of `bytes` is kept. */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeaderResult {
  if (beginsWith(bytes, TEXT_SIGNATURE)) return bytes.length < TEXT_SIGNATURE.length ? INCOMPLETE : readVersion1(bytes);
  if (beginsWith(bytes, BINARY_SIGNATURE)) return bytes.length < BINARY_SIGNATURE.length ? INCOMPLETE : readVersion2(bytes);
  return ABSENT;
}
