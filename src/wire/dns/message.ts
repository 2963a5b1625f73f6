/** DNS messages (RFC 1035, section 4; EDNS: RFC 6891). Record data stays opaque but for A and AAAA. */
import { dnsError, readName, writeName } from './name.ts';

export const RCODE = { ok: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4, refused: 5 } as const;
export const RECORD_TYPE = { a: 1, aaaa: 28, opt: 41, any: 255 } as const;
export const CLASS_IN = 1;

const HEADER_BYTES = 12;
const FLAG = { response: 0x8000, authoritative: 0x0400, truncated: 0x0200, recursionDesired: 0x0100, recursionAvailable: 0x0080 } as const;

export interface DnsQuestion {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface DnsRecord extends DnsQuestion {
  readonly ttlSeconds: number;
  readonly data: Uint8Array;
}

export interface DnsMessage {
  readonly id: number;
  readonly isResponse: boolean;
  readonly opcode: number;
  readonly isAuthoritative: boolean;
  readonly isTruncated: boolean;
  readonly isRecursionDesired: boolean;
  readonly isRecursionAvailable: boolean;
  readonly rcode: number;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

class Reader {
  offset = HEADER_BYTES;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(length: number): number {
    const at = this.offset;
    if (at + length > this.bytes.length) throw dnsError('a record runs past the end');
    this.offset += length;
    return at;
  }

  question(): DnsQuestion {
    const { name, end } = readName(this.bytes, this.offset);
    this.offset = end;
    const at = this.take(4);
    return { name, type: this.view.getUint16(at), class: this.view.getUint16(at + 2) };
  }

  record(): DnsRecord {
    const question = this.question();
    const at = this.take(6);
    const length = this.view.getUint16(at + 4);
    const from = this.take(length);
    return { ...question, ttlSeconds: this.view.getUint32(at), data: this.bytes.subarray(from, from + length) };
  }
}

function list<T>(count: number, read: () => T): T[] {
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(read());
  return items;
}

/** Parses a whole message; throws ProtocolError for anything that is not exactly one. */
export function parseDnsMessage(bytes: Uint8Array): DnsMessage {
  if (bytes.length < HEADER_BYTES) throw dnsError('shorter than its header');
  const reader = new Reader(bytes);
  const { view } = reader;
  const flags = view.getUint16(2);
  const message: DnsMessage = {
    id: view.getUint16(0),
    isResponse: (flags & FLAG.response) !== 0,
    opcode: (flags >> 11) & 0xf,
    isAuthoritative: (flags & FLAG.authoritative) !== 0,
    isTruncated: (flags & FLAG.truncated) !== 0,
    isRecursionDesired: (flags & FLAG.recursionDesired) !== 0,
    isRecursionAvailable: (flags & FLAG.recursionAvailable) !== 0,
    rcode: flags & 0xf,
    questions: list(view.getUint16(4), () => reader.question()),
    answers: list(view.getUint16(6), () => reader.record()),
    authorities: list(view.getUint16(8), () => reader.record()),
    additionals: list(view.getUint16(10), () => reader.record()),
  };
  if (reader.offset !== bytes.length) throw dnsError('bytes after the last record');
  return message;
}

function writeQuestion(question: DnsQuestion): Uint8Array[] {
  return [writeName(question.name), Uint8Array.of(question.type >> 8, question.type & 0xff, question.class >> 8, question.class & 0xff)];
}

function writeRecord(record: DnsRecord, first: DnsQuestion | undefined): Uint8Array {
  const fixed = new Uint8Array(6);
  const view = new DataView(fixed.buffer);
  view.setUint32(0, record.ttlSeconds);
  view.setUint16(4, record.data.length);
  const [name = new Uint8Array(), ...rest] = writeQuestion(record);
  // an answer names what was asked: a pointer to the first question, which stands right after the header
  const owner = record.name !== '' && record.name === first?.name ? Uint8Array.of(0xc0, HEADER_BYTES) : name;
  return concat([owner, ...rest, fixed, record.data]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function header(message: DnsMessage, isTruncated: boolean, counts: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, message.id);
  let flags = (message.opcode << 11) | message.rcode;
  if (message.isResponse) flags |= FLAG.response;
  if (message.isAuthoritative) flags |= FLAG.authoritative;
  if (isTruncated) flags |= FLAG.truncated;
  if (message.isRecursionDesired) flags |= FLAG.recursionDesired;
  if (message.isRecursionAvailable) flags |= FLAG.recursionAvailable;
  view.setUint16(2, flags);
  counts.forEach((count, index) => view.setUint16(4 + 2 * index, count));
  return bytes;
}

/**
 * The wire form in at most `bytesMax` bytes: answers that do not fit are left out and the message is marked
 * truncated (RFC 2181, section 9); the additional records stay, because EDNS is one of them.
 */
export function serializeDnsMessage(message: DnsMessage, bytesMax = 65_535): Uint8Array {
  const [first] = message.questions;
  const questions = concat(message.questions.flatMap(writeQuestion));
  const additionals = message.additionals.map((record) => writeRecord(record, first));
  const sections = [message.answers, message.authorities];
  let room = bytesMax - HEADER_BYTES - questions.length - concat(additionals).length;
  let isTruncated = message.isTruncated;
  const written = sections.map((records) => {
    const kept: Uint8Array[] = [];
    for (const record of records) {
      const bytes = writeRecord(record, first);
      room -= bytes.length;
      if (room < 0) isTruncated = true;
      else kept.push(bytes);
    }
    return kept;
  });
  const counts = [message.questions.length, ...written.map((records) => records.length), additionals.length];
  return concat([header(message, isTruncated, counts), questions, ...written.flat(), ...additionals]);
}
