/**
 * Byte classes of HTTP/1.1 as 256-entry tables (RFC 9110 section 5.6, RFC 9112), and text made of bytes.
 *
 * A table load per byte is what the whole parser costs: bench/http1-parse.ts measures it.
 */
export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;

function table(isMember: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (isMember(byte) ? 1 : 0));
}

function isAlphanumeric(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}

const TOKEN_MARKS = "!#$%&'*+-.^_`|~";
const AUTHORITY_MARKS = "-._~%!$&'()*+,;=:[]";

/** `tchar` in lower case, 0 for every byte that a name cannot hold. */
export const LOWER_TOKEN = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (!isAlphanumeric(byte) && !TOKEN_MARKS.includes(String.fromCharCode(byte))) return 0;
  return byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte;
});

/** Bytes of a field value: visible, space, tab, and obs-text. */
export const IS_VALUE = table((byte) => byte === TAB || (byte >= 0x20 && byte !== 0x7f));

/** Bytes of a request target: visible ASCII without the fragment mark. */
export const IS_TARGET = table((byte) => byte > 0x20 && byte < 0x7f && byte !== 0x23);

/** Bytes of `host[:port]`; `@` is left out, for user information has no business there. */
export const IS_AUTHORITY = table((byte) => isAlphanumeric(byte) || AUTHORITY_MARKS.includes(String.fromCharCode(byte)));

/** Value of a hexadecimal digit, 255 for other bytes. */
export const HEX_VALUE = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = isAlphanumeric(byte) ? Number.parseInt(String.fromCharCode(byte), 16) : Number.NaN;
  return Number.isNaN(value) ? 255 : value;
});

const latin1Slice: ((this: Uint8Array, start: number, end: number) => string) | undefined = Reflect.get(Buffer.prototype, 'latin1Slice');

/** One character per byte. Buffer's own slicing where there is one: it saves the encoding's name being looked up. */
export const latin1: (bytes: Uint8Array, start: number, end: number) => string =
  latin1Slice === undefined
    ? (bytes, start, end) => Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
    : (bytes, start, end) => latin1Slice.call(bytes, start, end);

/** Whether every character of `text` is in the class. */
export function isAll(text: string, members: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255 || members[code] !== 1) return false;
  }
  return true;
}
