/** The wire format of Protocol Buffers, as far as descriptors need it: whole numbers and byte strings. */

const WIRE_VARINT = 0;
const WIRE_64 = 1;
const WIRE_BYTES = 2;
const WIRE_32 = 5;

/** A part of a file's bytes that holds one message. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Reads the fields of one message in turn: `next`, then what `field` asks for, or `skip`. */
export class WireReader {
  /** Number of the field that `next` has come to. */
  field = 0;
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  #wireType = WIRE_VARINT;

  constructor(bytes: Buffer, { start, end }: Span) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Goes on to the next field; false at the end. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.#varint();
    this.field = tag >>> 3;
    this.#wireType = tag & 7;
    return true;
  }

  /** An int32, an enum or a bool. Higher bits, which only negative numbers have, are dropped with their sign kept. */
  int(): number {
    return this.#varint() | 0;
  }

  /** Where an embedded message stands. */
  span(): Span {
    const length = this.#varint();
    const start = this.#at;
    this.#at += length;
    return { start, end: this.#at };
  }

  /** A name, which has only characters of ASCII. */
  name(): string {
    const { start, end } = this.span();
    return this.#bytes.toString('latin1', start, end);
  }

  skip(): void {
    if (this.#wireType === WIRE_VARINT) this.#varint();
    else if (this.#wireType === WIRE_BYTES) this.span();
    else if (this.#wireType === WIRE_32) this.#at += 4;
    else if (this.#wireType === WIRE_64) this.#at += 8;
    else throw new Error(`a descriptor has wire type ${this.#wireType}`);
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error('a descriptor ends too early');
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}
