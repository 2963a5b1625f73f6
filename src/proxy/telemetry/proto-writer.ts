/**
 * Writes protobuf by hand, for messages that are made often: of metrics, log entries, spans. Source: protobuf.dev, encoding.
 *
 * A message of protobuf-es is made field by field of a description, and written so again: 250 microseconds for an entry of
 * an access log service that comes once in a hundred requests, for code that runs so seldom is compiled late.
 */
import { Buffer } from 'node:buffer';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const FIRST_BYTES = 1024;
const SHORT_CHARS = 42;

/** One message that grows. */
export class ProtoWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;
  /** What messages within it are written with. */
  #inner: ProtoWriter | undefined = undefined;

  /** Begins again; what `take` gave stays as it is. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** A copy of what was written. */
  take(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  text(field: number, value: string): this {
    // what is short however it is encoded has a length of one byte, which is known once it is written
    if (value.length <= SHORT_CHARS) {
      this.#tag(field, BYTES).#reserve(128);
      const length = this.#bytes.write(value, this.#length + 1);
      this.#bytes[this.#length] = length;
      this.#length += 1 + length;
      return this;
    }
    const length = Buffer.byteLength(value);
    this.#tag(field, BYTES).#varint(length).#reserve(length);
    this.#length += this.#bytes.write(value, this.#length);
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
    this.#tag(field, BYTES).#varint(length).#reserve(length);
    this.#length += this.#bytes.write(digits, this.#length, 'hex');
    return this;
  }

  /** Bytes, or a message that is written already. */
  message(field: number, content: Uint8Array): this {
    return this.#tag(field, BYTES).#varint(content.length).raw(content);
  }

  /** A message that `write` writes. */
  nested(field: number, write: (inner: ProtoWriter) => void): this {
    const inner = (this.#inner ??= new ProtoWriter()).clear();
    write(inner);
    return this.message(field, inner.written);
  }

  /** An entry of a map of texts. */
  entry(field: number, key: string, value: string): this {
    return this.nested(field, (inner) => inner.text(1, key).text(2, value));
  }

  double(field: number, value: number): this {
    this.#tag(field, FIXED64).#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
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
    this.#tag(field, FIXED64).#reserve(8);
    this.#length = this.#bytes.writeBigUInt64LE(value, this.#length);
    return this;
  }

  /** A number below 2^32 as four bytes. */
  fixed32(field: number, value: number): this {
    this.#tag(field, FIXED32).#reserve(4);
    this.#length = this.#bytes.writeUInt32LE(value, this.#length);
    return this;
  }

  /** Fields that are written already. */
  raw(content: Uint8Array): this {
    this.#reserve(content.length);
    this.#bytes.set(content, this.#length);
    this.#length += content.length;
    return this;
  }

  #tag(field: number, type: number): this {
    return this.#varint(field * 8 + type);
  }

  #varint(value: number): this {
    this.#reserve(10);
    let left = value;
    for (; left >= 128; left = Math.floor(left / 128)) this.#bytes[this.#length++] = (left % 128) | 128;
    this.#bytes[this.#length++] = left;
    return this;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
