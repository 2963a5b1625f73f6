/**
 * Writes protobuf by hand, for messages that are made often: of metrics, log entries, spans. Source: protobuf.dev, encoding.
 *
 * A message of protobuf-es is made field by field of a description, and written so again: 250 microseconds for an entry of
 * an access log service that comes once in a hundred requests, for code that runs so seldom is compiled late.
 */
import { Buffer } from 'node:buffer';
import { textOf } from './byte-text.ts';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const FIRST_BYTES = 1024;

/** Characters of text that is written without the runtime's help. */
const SHORT_TEXT = 48;
const MAX_ASCII = 0x7f;

/** What shifts of a number keep. */
const MAX_SHIFTED = 0x7fff_ffff;

/** Bytes of a number as a varint. */
function sizeOf(value: number): number {
  let size = 1;
  for (let left = value; left >= 128; left = Math.floor(left / 128)) size++;
  return size;
}

/** One message that grows. */
export class ProtoWriter {
  #bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  /** Begins again; what `take` gave stays as it is. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** A copy of what was written. */
  take(): Buffer {
    const copy = Buffer.allocUnsafe(this.#length);
    this.#bytes.copy(copy, 0, 0, this.#length);
    return copy;
  }

  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Begins a message within this one, where what follows is written until `end`, which takes what this gives. */
  begin(field: number): number {
    this.#tag(field, BYTES);
    return this.#length++;
  }

  /** Ends what `begin` has begun: most have a length of one byte, and what has a longer one moves on. */
  end(at: number): this {
    const from = at + 1;
    const length = this.#length - from;
    if (length < 128) {
      this.#bytes[at] = length;
      return this;
    }
    const more = sizeOf(length) - 1;
    this.#room(more).copyWithin(from + more, from, from + length);
    this.#length = at;
    this.#varint(length);
    this.#length += length;
    return this;
  }

  text(field: number, value: string): this {
    const at = this.begin(field);
    return this.#shortText(value) ? this.end(at) : this.#longText(value).end(at);
  }

  /** Text of a head, of which each character is a byte, unless it is empty: what it says in UTF-8. */
  someHeadText(field: number, bytes: string): this {
    if (bytes === '') return this;
    const at = this.begin(field);
    return this.#shortText(bytes) ? this.end(at) : this.#longText(textOf(bytes)).end(at);
  }

  /** Writes text that is short and all ASCII, as most is: byte by byte that takes a third of what a call to the runtime does. */
  #shortText(value: string): boolean {
    const { length } = value;
    if (length > SHORT_TEXT) return false;
    const bytes = this.#room(length);
    const from = this.#length;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > MAX_ASCII) return false;
      bytes[from + i] = code;
    }
    this.#length = from + length;
    return true;
  }

  #longText(value: string): this {
    this.#length += this.#room(value.length * 3).write(value, this.#length);
    return this;
  }

  /** Text, unless it is empty: what fields are by themselves is not written. */
  someText(field: number, value: string): this {
    return value === '' ? this : this.text(field, value);
  }

  /** Bytes that are told as hex digits, unless there are none. */
  someHex(field: number, digits: string): this {
    if (digits === '') return this;
    const length = digits.length / 2;
    this.#tag(field, BYTES).#varint(length);
    this.#length += this.#room(length).write(digits, this.#length, 'hex');
    return this;
  }

  /** Bytes, or a message that is written already. */
  message(field: number, content: Uint8Array): this {
    return this.#tag(field, BYTES).#varint(content.length).raw(content);
  }

  /** A message that `write` writes. */
  nested(field: number, write: (inner: ProtoWriter) => void): this {
    const at = this.begin(field);
    write(this);
    return this.end(at);
  }

  /** An entry of a map of texts. */
  entry(field: number, key: string, value: string): this {
    const at = this.begin(field);
    return this.text(1, key).text(2, value).end(at);
  }

  double(field: number, value: number): this {
    this.#tag(field, FIXED64);
    this.#length = this.#room(8).writeDoubleLE(value, this.#length);
    return this;
  }

  /** A number from 0 to 2^53. */
  integer(field: number, value: number): this {
    return this.#tag(field, VARINT).#varint(value);
  }

  /** The same, unless it is 0. */
  someInteger(field: number, value: number): this {
    return value === 0 ? this : this.integer(field, value);
  }

  /** A number below 2^64 as eight bytes. */
  fixed64(field: number, value: bigint): this {
    this.#tag(field, FIXED64);
    this.#length = this.#room(8).writeBigUInt64LE(value, this.#length);
    return this;
  }

  /** A number below 2^32 as four bytes. */
  fixed32(field: number, value: number): this {
    this.#tag(field, FIXED32);
    this.#length = this.#room(4).writeUInt32LE(value, this.#length);
    return this;
  }

  /** Fields that are written already. */
  raw(content: Uint8Array): this {
    this.#room(content.length).set(content, this.#length);
    this.#length += content.length;
    return this;
  }

  #tag(field: number, type: number): this {
    return this.#varint(field * 8 + type);
  }

  #varint(value: number): this {
    const bytes = this.#room(10);
    let at = this.#length;
    let left = value;
    for (; left > MAX_SHIFTED; left = Math.floor(left / 128)) bytes[at++] = (left % 128) | 128;
    for (; left >= 128; left >>>= 7) bytes[at++] = (left & 127) | 128;
    bytes[at] = left;
    this.#length = at + 1;
    return this;
  }

  /** Has room for so many bytes more. */
  #room(more: number): Buffer {
    const length = this.#length + more;
    if (length <= this.#bytes.length) return this.#bytes;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    return (this.#bytes = larger);
  }
}
