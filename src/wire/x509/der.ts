/**
 * Reads DER (X.690), the encoding of certificates, CRLs and OCSP responses: definite lengths, tags of one byte. It never
 * throws; what is broken has no nodes.
 */

/** One value. */
export interface DerNode {
  /** The first byte: class, whether it is made of others, and number. */
  readonly tag: number;
  /** What is in it. */
  readonly body: Uint8Array;
  /** The value with its tag and length. */
  readonly whole: Uint8Array;
}

export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
const OBJECT_ID = 0x06;
export const SEQUENCE = 0x30;

const LENGTH_BYTES_MAX = 4;

/** The header's length and the body's; undefined where the bytes end before. */
function readLength(bytes: Uint8Array, at: number): { readonly begin: number; readonly end: number } | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  if (first < 0x80) return { begin: at + 1, end: at + 1 + first };
  const width = first & 0x7f;
  if (width === 0 || width > LENGTH_BYTES_MAX || at + 1 + width > bytes.length) return undefined;
  const length = bytes.subarray(at + 1, at + 1 + width).reduce((value, byte) => value * 256 + byte, 0);
  return { begin: at + 1 + width, end: at + 1 + width + length };
}

function nodeAt(bytes: Uint8Array, at: number): DerNode | undefined {
  const tag = bytes[at];
  const found = readLength(bytes, at + 1);
  if (tag === undefined || (tag & 0x1f) === 0x1f || found === undefined || found.end > bytes.length) return undefined;
  return { tag, body: bytes.subarray(found.begin, found.end), whole: bytes.subarray(at, found.end) };
}

/** The values that stand one after the other in `bytes`; none where any of them is broken. */
export function derNodes(bytes: Uint8Array): readonly DerNode[] {
  const nodes: DerNode[] = [];
  for (let at = 0; at < bytes.length;) {
    const node = nodeAt(bytes, at);
    if (node === undefined) return [];
    nodes.push(node);
    at += node.whole.length;
  }
  return nodes;
}

/** What is in a value that is made of others; none where it is missing, broken or of another tag. */
export function derChildren(node: DerNode | undefined, tag = SEQUENCE): readonly DerNode[] {
  return node?.tag === tag ? derNodes(node.body) : [];
}

/** An object identifier with dots; '' where it is none. */
export function oidOf(node: DerNode | undefined): string {
  if (node?.tag !== OBJECT_ID || node.body.length === 0) return '';
  const numbers: number[] = [];
  let value = 0;
  for (const byte of node.body) {
    value = value * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    if (numbers.length > 0) numbers.push(value);
    else numbers.push(Math.min(2, Math.floor(value / 40)), value - 40 * Math.min(2, Math.floor(value / 40)));
    value = 0;
  }
  return numbers.join('.');
}

/** Bytes as lower-case hex. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** An INTEGER as hex without leading zeros; '' where it is none. */
export function integerHex(node: DerNode | undefined): string {
  return node?.tag === INTEGER ? hexOf(node.body).replace(/^0+(?=.)/, '') : '';
}

const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:\.\d+)?Z$/;

/** A UTCTime or GeneralizedTime in Unix milliseconds; undefined where it is none. */
export function timeMs(node: DerNode | undefined): number | undefined {
  if (node?.tag !== UTC_TIME && node?.tag !== GENERALIZED_TIME) return undefined;
  const text = String.fromCharCode(...node.body.subarray(0, 32));
  const century = Number(text.slice(0, 2)) < 50 ? '20' : '19';
  const [, year, month, day, hour, minute, second = '0'] = TIME.exec(node.tag === UTC_TIME ? `${century}${text}` : text) ?? [];
  return year === undefined
    ? undefined
    : Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
}
