/**
 * The field lines of a head or of trailers (RFC 9112 section 5), validated byte by byte in one pass. Of each line only
 * a key and its start are kept (HeaderBlock reads them); lines that frame or concern this hop alone are set aside.
 */
import type { ProtocolError } from '../../core/errors.ts';
import { bitOf, fieldKey } from '../http/headers.ts';
import { COLON, CR, IS_VALUE, LF, LOWER_TOKEN, SPACE, TAB } from './bytes.ts';
import { fault } from './faults.ts';

/** Limits of one head; bytes count from the first byte of the start line to the end of the empty line. */
export interface HeadLimits {
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
}

/** Envoy's defaults: 60 KiB and 100 fields. */
export const DEFAULT_HEAD_LIMITS: HeadLimits = { maxHeadBytes: 60 * 1024, maxHeaders: 100 };

/** Fields that the codec itself understands, in the order of their kind's number, from 1. */
const KINDS = [
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'te',
  'expect',
  'http2-settings',
] as const;

export const HOST = 1;
export const CONTENT_LENGTH = 2;
export const TRANSFER_ENCODING = 3;
export const CONNECTION = 4;
export const KEEP_ALIVE = 5;
export const UPGRADE = 7;
export const TE = 8;
export const EXPECT = 9;

const KIND_SLOTS = 256;

function kindSlot(length: number, first: number, last: number): number {
  return (length * 5 + first * 3 + last) & (KIND_SLOTS - 1);
}

const KIND_BY_SLOT = new Uint8Array(KIND_SLOTS);
for (const [index, name] of KINDS.entries()) {
  KIND_BY_SLOT[kindSlot(name.length, name.charCodeAt(0), name.charCodeAt(name.length - 1))] = index + 1;
}

/** The kind of a name in `bytes`, 0 for one that the codec does not care about. */
function kindAt(bytes: Uint8Array, start: number, length: number, slot: number): number {
  const kind = KIND_BY_SLOT[slot] ?? 0;
  if (kind === 0) return 0;
  const name = KINDS[kind - 1] ?? '';
  if (name.length !== length) return 0;
  for (let i = 0; i < length; i++) if (LOWER_TOKEN[bytes[start + i] ?? 0] !== name.charCodeAt(i)) return 0;
  return kind;
}

/** What a pass over field lines found. One object is used again and again: take what is needed before the next pass. */
export interface FieldScan {
  /** As HeaderBlock wants them, lines of `special` kinds left out of it, except Content-Length. */
  marks: number[];
  /** The bits of the names in `marks`. */
  bits: number;
  fieldCount: number;
  /** Kind, start and end of the value, by turns. */
  special: number[];
  error: ProtocolError | undefined;
}

export function newFieldScan(): FieldScan {
  return { marks: [], bits: 0, fieldCount: 0, special: [], error: undefined };
}

function lineFault(bytes: Uint8Array, at: number): ProtocolError {
  const byte = bytes[at];
  if (byte === CR || byte === LF) return fault('http1.line_end');
  return fault('http1.header_value');
}

function nameFault(bytes: Uint8Array, at: number, lineStart: number, isFirst: boolean): ProtocolError {
  const byte = bytes[lineStart];
  if (at === lineStart && !isFirst && (byte === SPACE || byte === TAB)) return fault('http1.obs_fold');
  return byte === LF ? fault('http1.line_end') : fault('http1.header_name');
}

/** Marks as they are found; copied at their number, for an array that grows by `push` leaves several of itself behind. */
const found: number[] = Array.from({ length: 2 * DEFAULT_HEAD_LIMITS.maxHeaders + 1 }, () => 0);

/**
 * Reads lines from `start` to the empty line. Gives the offset after it; -1 where `end` comes first; -2 with
 * `scan.error` set where a line is wrong. Offsets in `scan` count from `base`, where the text begins.
 */
export function scanFields(bytes: Uint8Array, start: number, end: number, base: number, limits: HeadLimits, scan: FieldScan): number {
  let count = 0;
  let bits = 0;
  scan.special.length = 0;
  scan.fieldCount = 0;
  let at = start;
  while (at < end) {
    const lineStart = at;
    if (bytes[at] === CR) {
      if (at + 1 >= end) return -1;
      if (bytes[at + 1] === LF) {
        found[count++] = at - base;
        scan.marks = found.slice(0, count);
        scan.bits = bits;
        return at + 2;
      }
      scan.error = fault('http1.line_end');
      return -2;
    }
    while (at < end && LOWER_TOKEN[bytes[at] ?? 0] !== 0) at++;
    if (at >= end) return -1;
    if (bytes[at] !== COLON || at === lineStart) {
      scan.error = nameFault(bytes, at, lineStart, scan.fieldCount === 0);
      return -2;
    }
    const length = at - lineStart;
    const first = LOWER_TOKEN[bytes[lineStart] ?? 0] ?? 0;
    const last = LOWER_TOKEN[bytes[at - 1] ?? 0] ?? 0;
    const valueStart = ++at;
    while (at < end && IS_VALUE[bytes[at] ?? 0] === 1) at++;
    if (at + 1 >= end && (at >= end || bytes[at] === CR)) return -1;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) {
      scan.error = lineFault(bytes, at);
      return -2;
    }
    if (++scan.fieldCount > limits.maxHeaders) {
      scan.error = fault('http1.too_many_headers');
      return -2;
    }
    const kind = kindAt(bytes, lineStart, length, kindSlot(length, first, last));
    if (kind !== 0) scan.special.push(kind, valueStart - base, at - base);
    const key = kind === 0 || kind === CONTENT_LENGTH ? fieldKey(length, first, last) : 0;
    bits |= bitOf(key);
    found[count++] = key;
    found[count++] = lineStart - base;
    at += 2;
  }
  return -1;
}
