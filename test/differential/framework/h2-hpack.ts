/** HPACK for ends that must be able to send what no proper one sends: every field is encoded as a literal, as it is. */
import { CODE_BITS, CODES, EOS } from '../../../src/wire/http2/huffman-code.ts';
import { STATIC_FIELDS } from '../../../src/wire/http2/hpack-static.ts';

export type Field = readonly [name: string, value: string];

/** An integer with a prefix of so many bits (RFC 7541 section 5.1). */
function integer(value: number, prefixBits: number, pattern: number): number[] {
  const most = 2 ** prefixBits - 1;
  if (value < most) return [pattern | value];
  const bytes = [pattern | most];
  for (let rest = value - most; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([Buffer.from(integer(bytes.length, 7, 0)), bytes]);
}

/** A header block of literals that are not indexed. */
export function encodeFields(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

const SYMBOLS = new Map(CODE_BITS.map((bits, symbol) => [`${bits}/${CODES[symbol]}`, symbol]));

function huffman(bytes: Uint8Array): string {
  let out = '';
  let code = 0;
  let bits = 0;
  for (const byte of bytes) {
    for (let at = 7; at >= 0; at--) {
      code = code * 2 + ((byte >> at) & 1);
      bits++;
      const symbol = SYMBOLS.get(`${bits}/${code}`);
      if (symbol === undefined || symbol === EOS) continue;
      out += String.fromCharCode(symbol);
      code = bits = 0;
    }
  }
  return out;
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isOver(): boolean {
    return this.#at >= this.#bytes.length;
  }

  peek(): number {
    return this.#bytes[this.#at] ?? 0;
  }

  integer(prefixBits: number): number {
    const most = 2 ** prefixBits - 1;
    let value = this.peek() & most;
    this.#at++;
    if (value < most) return value;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.peek();
      this.#at++;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  text(): string {
    const isHuffman = this.peek() >= 128;
    const length = this.integer(7);
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return isHuffman ? huffman(bytes) : Buffer.from(bytes).toString('latin1');
  }
}

/** Decodes the header blocks of one direction of a connection, in their order. */
export class FieldDecoder {
  readonly #table: Field[] = [];
  #size = 0;
  #mostBytes = 4096;

  /** The fields of a header block. */
  decode(block: Uint8Array): Field[] {
    const reader = new Reader(block);
    const fields: Field[] = [];
    while (!reader.isOver) {
      const first = reader.peek();
      if (first >= 128) fields.push(this.#fieldAt(reader.integer(7)));
      else if (first >= 32 && first < 64) this.#resize(reader.integer(5));
      else fields.push(this.#literal(reader, first >= 64));
    }
    return fields;
  }

  #literal(reader: Reader, isIndexed: boolean): Field {
    const index = reader.integer(isIndexed ? 6 : 4);
    const name = index === 0 ? reader.text() : this.#fieldAt(index)[0];
    const field: Field = [name, reader.text()];
    if (isIndexed) this.#add(field);
    return field;
  }

  #fieldAt(index: number): Field {
    const field = STATIC_FIELDS[index - 1] ?? this.#table[index - 1 - STATIC_FIELDS.length];
    if (field === undefined) throw new Error(`no field has the index ${index}`);
    return field;
  }

  #add(field: Field): void {
    this.#table.unshift(field);
    this.#size += bytesOf(field);
    this.#resize(this.#mostBytes);
  }

  #resize(mostBytes: number): void {
    this.#mostBytes = mostBytes;
    while (this.#size > mostBytes) {
      const last = this.#table.pop();
      if (last === undefined) return;
      this.#size -= bytesOf(last);
    }
  }
}

/** What a field takes in a table (RFC 7541 section 4.1). */
const bytesOf = ([name, value]: Field): number => name.length + value.length + 32;
