/** A header field as tables hold it: read and checked once, and then handled by identity. */
import type { ProtocolError } from '../../core/errors.ts';
import { fieldKey } from '../http/headers.ts';
import { ENTRY_OVERHEAD_BYTES } from './hpack-static.ts';

/** A name with what is known of it. */
export interface FieldName {
  /** `\r\nname: `: the end of the line before, and how a line begins. */
  readonly prefix: string;
  /** As `HeaderBlock` wants it. */
  readonly key: number;
  readonly kind: number;
  /** What is wrong with the name. */
  readonly fault: ProtocolError | undefined;
  /** The prefix is a substring of a block: not to be kept. */
  readonly isBorrowed: boolean;
}

/** Characters of a name. */
export function nameLength(name: FieldName): number {
  return name.prefix.length - 4;
}

export interface Field {
  readonly name: FieldName;
  /** The same as the name's, for what is read most. */
  readonly kind: number;
  readonly key: number;
  readonly value: string;
  /** `\r\nname: value` */
  readonly line: string;
  /** What it takes in a table, and of a limit on heads (RFC 7541 section 4.1, RFC 9113 section 6.5.2). */
  readonly sizeBytes: number;
  /** What is wrong with name or value. It is in the table all the same, for the peer counts on it. */
  readonly fault: ProtocolError | undefined;
}

/**
 * `text` in memory of its own. A substring keeps all the bytes that it was cut from, and a table may keep it for as long
 * as the connection lasts.
 */
export function ownText(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** `fieldKey` of a name in lower case. */
export function keyOf(name: string): number {
  return fieldKey(name.length, name.charCodeAt(0), name.charCodeAt(name.length - 1));
}

export function makeFieldName(name: string, kind: number, fault: ProtocolError | undefined): FieldName {
  return { prefix: `\r\n${name}: `, key: keyOf(name), kind, fault, isBorrowed: false };
}

export function makeField(name: FieldName, value: string, fault: ProtocolError | undefined): Field {
  const sizeBytes = nameLength(name) + value.length + ENTRY_OVERHEAD_BYTES;
  return { name, kind: name.kind, key: name.key, value, line: name.prefix + value, sizeBytes, fault: name.fault ?? fault };
}
