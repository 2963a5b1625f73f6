/** Fields as an encoder holds them: encoded once, and then handled by identity. */
import { ownText } from './field.ts';
import { ENTRY_OVERHEAD_BYTES, STATIC_FIELDS } from './hpack-static.ts';
import { indexedText, indexingPrefix, literalPrefix, neverIndexedPrefix, lengthText, plainString, shortString } from './hpack-text.ts';

const NAME_INDEXES = new Map<string, number>();
const FIELD_INDEXES = new Map<string, number>();
for (const [place, [name, value]] of STATIC_FIELDS.entries()) {
  if (!NAME_INDEXES.has(name)) NAME_INDEXES.set(name, place + 1);
  FIELD_INDEXES.set(`${name}: ${value}`, place + 1);
}

export interface FieldEncoding {
  /** As field of the static table; '' where it is not in it. */
  readonly indexed: string;
  /** What puts it into the table, and what does not. */
  readonly indexing: string;
  readonly literal: string;
  readonly sizeBytes: number;
}

/** Encodes a field that will be sent often, or be kept by the peer: in Huffman code. */
export function makeFieldEncoding(name: string, value: string): FieldEncoding {
  const index = FIELD_INDEXES.get(`${name}: ${value}`);
  const nameIndex = NAME_INDEXES.get(name) ?? 0;
  const rest = (nameIndex === 0 ? shortString(name) : '') + shortString(value);
  return {
    indexed: index === undefined ? '' : indexedText(index),
    indexing: indexingPrefix(nameIndex) + rest,
    literal: literalPrefix(nameIndex) + rest,
    sizeBytes: name.length + value.length + ENTRY_OVERHEAD_BYTES,
  };
}

/** What stands before the value of a field that is not indexed. */
export function literalName(name: string): string {
  const index = NAME_INDEXES.get(name) ?? 0;
  return literalPrefix(index) + (index === 0 ? plainString(name) : '');
}

const READY_LENGTHS = 256;

/**
 * A name that is often encoded and never indexed. What stands before a value is made once for each length, so that a
 * field is two concatenations: a fifth less than with more (bench/hpack.ts), for a string of many parts costs by the part.
 */
export class LiteralName {
  readonly #literal: string;
  readonly #neverIndexed: string;
  readonly #literals: string[] = [];
  readonly #secrets: string[] = [];

  constructor(name: string) {
    const index = NAME_INDEXES.get(name) ?? 0;
    const rest = index === 0 ? plainString(name) : '';
    this.#literal = literalPrefix(index) + rest;
    this.#neverIndexed = neverIndexedPrefix(index) + rest;
  }

  /** What stands before a value of so many characters; `isSecret`: none on the way may index it. */
  before(length: number, isSecret: boolean): string {
    const name = isSecret ? this.#neverIndexed : this.#literal;
    if (length >= READY_LENGTHS) return name + lengthText(length);
    const ready = isSecret ? this.#secrets : this.#literals;
    return (ready[length] ??= ownText(name + lengthText(length)));
  }
}
