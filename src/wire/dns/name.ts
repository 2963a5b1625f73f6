/** Domain names on the wire (RFC 1035, sections 3.1 and 4.1.4). */
import { ProtocolError } from '../../core/errors.ts';

const NAME_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;
const POINTER = 0xc0;

/** Refuses bytes or text that are no DNS. */
export function dnsError(reason: string): ProtocolError {
  return new ProtocolError('dns_malformed', 0, `malformed DNS message: ${reason}`);
}

function labelText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const char = String.fromCharCode(byte);
    if (char === '.' || char === '\\') text += `\\${char}`;
    else text += byte > 0x20 && byte < 0x7f ? char : `\\${String(byte).padStart(3, '0')}`;
  }
  return text;
}

/**
 * Reads the name at `offset`: its text without the last dot ('' is the root; `.`, `\` and what is not printable
 * are escaped as in zone files), and the offset of what follows it.
 *
 * A compression pointer must point backwards, so that no name can loop.
 */
export function readName(message: Uint8Array, offset: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = offset;
  let end = -1;
  let bytes = 1;
  let pointerMax = offset;
  for (;;) {
    const length = message[at];
    if (length === undefined) throw dnsError('a name runs past the end');
    if (length === 0) return { name: labels.join('.'), end: end === -1 ? at + 1 : end };
    if ((length & POINTER) === POINTER) {
      const low = message[at + 1];
      if (low === undefined) throw dnsError('a pointer runs past the end');
      if (end === -1) end = at + 2;
      at = ((length & ~POINTER) << 8) | low;
      if (at >= pointerMax) throw dnsError('a compression pointer does not point backwards');
      pointerMax = at;
      continue;
    }
    if (length > LABEL_BYTES_MAX) throw dnsError('a label has an unknown type');
    bytes += length + 1;
    if (bytes > NAME_BYTES_MAX) throw dnsError('a name is longer than 255 bytes');
    if (at + 1 + length > message.length) throw dnsError('a label runs past the end');
    labels.push(labelText(message.subarray(at + 1, at + 1 + length)));
    at += length + 1;
  }
}

function labelBytes(text: string): number[] {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '\\') bytes.push(text.charCodeAt(i));
    else if (/^\d{3}$/.test(text.slice(i + 1, i + 4))) {
      bytes.push(Number(text.slice(i + 1, i + 4)));
      i += 3;
    } else bytes.push(text.charCodeAt(++i));
  }
  return bytes;
}

/** The wire form, uncompressed, of a name in the text form of `readName`; a last dot is allowed. */
export function writeName(name: string): Uint8Array {
  const bytes: number[] = [];
  for (const label of name.match(/(?:\\.|[^.\\])+/gs) ?? []) {
    const encoded = labelBytes(label);
    if (encoded.length > LABEL_BYTES_MAX) throw dnsError('a label is longer than 63 bytes');
    if (encoded.some((byte) => !(byte <= 0xff))) throw dnsError('a label holds what is no byte');
    bytes.push(encoded.length, ...encoded);
  }
  bytes.push(0);
  if (bytes.length > NAME_BYTES_MAX) throw dnsError('a name is longer than 255 bytes');
  return Uint8Array.from(bytes);
}
