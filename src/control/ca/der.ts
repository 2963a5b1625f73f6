/** The part of DER (ITU-T X.690) that certificates and signing requests need: a writer, and a reader of raw values. */
import { ProtocolError } from '../../core/errors.ts';

/** Universal tags (X.690, 8). */
export const SEQUENCE = 0x30;
export const SET = 0x31;
const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const BOOLEAN = 0x01;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

/** A value with its tag and length; the contents are the parts one after the other. */
export function encode(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const contents = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(contents.length)]), contents]);
}

/** A SEQUENCE of values that are encoded already. */
export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return encode(SEQUENCE, ...parts);
}

/** A non-negative integer given as big-endian bytes. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const magnitude = bytes.subarray(start);
  const isNegativeLooking = (magnitude[0] ?? 0) >= 0x80;
  return encode(INTEGER, ...(isNegativeLooking ? [Buffer.from([0])] : []), magnitude);
}

/** An object identifier from its dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc % 128];
    for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128)) groups.unshift((high % 128) | 0x80);
    bytes.push(...groups);
  }
  return encode(OBJECT_IDENTIFIER, Buffer.from(bytes));
}

/** A BOOLEAN; true is 0xff, as DER wants it. */
export function boolean(value: boolean): Buffer {
  return encode(BOOLEAN, Buffer.from([value ? 0xff : 0]));
}

/** A UTF8String. */
export function utf8(text: string): Buffer {
  return encode(UTF8_STRING, Buffer.from(text));
}

/** Whole bytes as a bit string; `unusedBits` of the last byte do not count. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return encode(BIT_STRING, Buffer.from([unusedBits]), bytes);
}

/** A point in time to the second: UTCTime before 2050, GeneralizedTime from then on (RFC 5280, 4.1.2.5). */
export function time(wallMs: number): Buffer {
  const digits = new Date(wallMs)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:T]/g, '');
  const isLate = new Date(wallMs).getUTCFullYear() >= 2050;
  return isLate ? encode(GENERALIZED_TIME, Buffer.from(digits)) : encode(UTC_TIME, Buffer.from(digits.slice(2)));
}

/** One value as read: its tag, its contents, and its whole encoding. */
export interface DerValue {
  readonly tag: number;
  readonly contents: Buffer;
  readonly raw: Buffer;
}

function malformed(what: string): ProtocolError {
  return new ProtocolError('der_malformed', 400, `not DER: ${what}`);
}

function readLength(bytes: Buffer, at: number): { length: number; next: number } {
  const first = bytes[at];
  if (first === undefined) throw malformed('the length is missing');
  if (first < 0x80) return { length: first, next: at + 1 };
  const count = first & 0x7f;
  if (count === 0 || count > 4 || at + 1 + count > bytes.length) throw malformed('the length is too long');
  return { length: bytes.readUIntBE(at + 1, count), next: at + 1 + count };
}

/** The values that stand one after the other in `bytes`. Throws ProtocolError where they are not whole. */
export function decodeAll(bytes: Buffer): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const { length, next } = readLength(bytes, at + 1);
    const end = next + length;
    if (end > bytes.length) throw malformed(`a value of ${length} bytes in ${bytes.length - next}`);
    values.push({ tag: bytes[at] ?? 0, contents: bytes.subarray(next, end), raw: bytes.subarray(at, end) });
    at = end;
  }
  return values;
}

/** The members of a constructed value with `tag`. Throws ProtocolError where it is something else. */
export function members(value: DerValue | undefined, tag: number): DerValue[] {
  if (value === undefined || value.tag !== tag) throw malformed(`expected tag ${tag}, found ${value?.tag ?? 'nothing'}`);
  return decodeAll(value.contents);
}
