/**
 * Decoding of field blocks (RFC 7541). For whoever reads frames:
 *
 *     const decoder = new HpackDecoder({ maxHeadBytes, maxHeaders });
 *     decoder.setMaxTableBytes(n);                       // once the peer has acknowledged our SETTINGS_HEADER_TABLE_SIZE
 *     const head = decoder.decode(bytes, start, end, REQUEST);  // or RESPONSE, TRAILERS; CONTINUATIONs already joined
 *     if (head.compressionError) …                       // of the connection
 *     else if (head.malformed) … else if (head.isTooLarge) …  // of the stream; the table is right all the same
 *
 * `bytes` are borrowed: what a head keeps is text. A field of the dynamic table is checked when it comes in, and is one
 * concatenation each time it is named again: bench/hpack.ts.
 */
import type { ProtocolError } from '../../core/errors.ts';
import { fieldKey } from '../http/headers.ts';
import { COLON, IS_AUTHORITY, IS_TARGET, IS_VALUE, latin1, LOWER_TOKEN, SPACE, TAB } from '../http1/bytes.ts';
import { FieldCollector, type BlockKind, type DecodedHead, type FieldLimits } from './field-collector.ts';
import { AUTHORITY, HOST, METHOD, PATH, REGULAR, ruleInBytes, SCHEME, UNKNOWN_PSEUDO } from './field-rules.ts';
import { FieldTable } from './field-table.ts';
import { makeField, ownText, type FieldName } from './field.ts';
import { hpackFault, type HpackFaultCode } from './hpack-faults.ts';
import { DEFAULT_TABLE_BYTES } from './hpack-static.ts';
import { decodeHuffman, roomToDecode } from './huffman-decode.ts';

const INDEXED_BIT = 0x80;
const LITERAL_INDEXED_BIT = 0x40;
const SIZE_UPDATE_BIT = 0x20;
const HUFFMAN_BIT = 0x80;
const INDEX_MASK = 0x7f;
const LITERAL_INDEXED_MASK = 0x3f;
const LITERAL_MASK = 0x0f;
const SIZE_UPDATE_MASK = 0x1f;
const LENGTH_MASK = 0x7f;

/** Integers of more bytes than four behind the first, 2^28 and above, are beyond any size here. */
const MAX_INTEGER_SHIFT = 28;

/** Members and fault of the values of pseudo-fields; IS_VALUE for all other fields. */
const IS_TOKEN = LOWER_TOKEN.map((lower) => (lower === 0 ? 0 : 1));
const VALUE_CLASSES: Uint8Array[] = [];
const VALUE_FAULTS: HpackFaultCode[] = [];
for (const [kind, members, code] of [
  [METHOD, IS_TOKEN, 'http2.method'],
  [PATH, IS_TARGET, 'http2.path'],
  [SCHEME, IS_TOKEN, 'http2.scheme'],
  [AUTHORITY, IS_AUTHORITY, 'http2.authority'],
  [HOST, IS_AUTHORITY, 'http2.authority'],
] as const) {
  VALUE_CLASSES[kind] = members;
  VALUE_FAULTS[kind] = code;
}

/** What is wrong with a value (RFC 9113 section 8.2.1). */
function valueFault(kind: number, bytes: Uint8Array, start: number, end: number): ProtocolError | undefined {
  if (start === end) return undefined;
  const members = VALUE_CLASSES[kind] ?? IS_VALUE;
  let at = start;
  while (at < end && members[bytes[at] ?? 0] === 1) at++;
  if (at < end) return hpackFault(VALUE_FAULTS[kind] ?? 'http2.header_value');
  const first = bytes[start];
  const last = bytes[end - 1];
  return first === SPACE || first === TAB || last === SPACE || last === TAB ? hpackFault('http2.header_value') : undefined;
}

/** What `fieldKey` has room for. */
const MAX_NAME_LENGTH = 0xffff;

function isLowerToken(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end && bytes[at] === LOWER_TOKEN[bytes[at] ?? 0]) at++;
  return at === end && end > start && end - start <= MAX_NAME_LENGTH;
}

/** One end's decoder, for one connection. */
export class HpackDecoder {
  readonly #table = new FieldTable(DEFAULT_TABLE_BYTES);
  readonly #head: FieldCollector;
  /** The most that the peer may set the table's size to. */
  #limitBytes: number;

  // The block that is being decoded, and where in it.
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #at = 0;
  /** The block as text, made when the first plain string comes. */
  #text: string | undefined = undefined;
  /** The string read last, as bytes: in the block itself, or decoded in `#scratch`. */
  #stringBytes: Uint8Array = new Uint8Array(0);
  #stringStart = 0;
  #stringEnd = 0;
  #scratch = new Uint8Array(256);

  /** `maxTableBytes` is what our first SETTINGS announce: a peer may use it as soon as it has read them. */
  constructor(limits: FieldLimits, maxTableBytes = DEFAULT_TABLE_BYTES) {
    this.#head = new FieldCollector(limits);
    this.#limitBytes = Math.max(maxTableBytes, DEFAULT_TABLE_BYTES);
  }

  /** What is announced, from when the peer has acknowledged it. A peer whose table is larger must shrink it in its next block. */
  setMaxTableBytes(bytes: number): void {
    this.#limitBytes = bytes;
  }

  /** Decodes a whole block. The head is valid until the next. */
  decode(bytes: Uint8Array, start: number, end: number, kind: BlockKind): DecodedHead {
    const head = this.#head;
    head.begin(kind);
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#at = start;
    this.#text = undefined;
    let fault = this.#sizeUpdates();
    while (fault === undefined && this.#at < end) {
      const byte = bytes[this.#at] ?? 0;
      if (byte >= INDEXED_BIT) {
        const field = this.#table.get(this.#integer(INDEX_MASK));
        if (field === undefined) fault = 'http2.hpack_index';
        else head.field(field);
      } else fault = this.#literal(byte);
    }
    this.#text = undefined;
    return fault === undefined ? head.finish() : head.fail(fault);
  }

  /** Changes of the table's size; they come before any field (RFC 7541 section 4.2). */
  #sizeUpdates(): HpackFaultCode | undefined {
    while (this.#at < this.#end && ((this.#bytes[this.#at] ?? 0) & 0xe0) === SIZE_UPDATE_BIT) {
      const size = this.#integer(SIZE_UPDATE_MASK);
      if (size < 0) return 'http2.hpack_integer';
      if (size > this.#limitBytes) return 'http2.hpack_table_size';
      this.#table.resize(size);
    }
    return this.#table.maxBytes > this.#limitBytes ? 'http2.hpack_table_size' : undefined;
  }

  #literal(byte: number): HpackFaultCode | undefined {
    const isIndexed = byte >= LITERAL_INDEXED_BIT;
    if (!isIndexed && byte >= SIZE_UPDATE_BIT) return 'http2.hpack_table_size';
    const index = this.#integer(isIndexed ? LITERAL_INDEXED_MASK : LITERAL_MASK);
    if (index < 0) return 'http2.hpack_integer';
    let name: FieldName | undefined;
    if (index === 0) {
      const fault = this.#string();
      if (fault !== undefined) return fault;
      name = this.#name();
    } else {
      name = this.#table.get(index)?.name;
      if (name === undefined) return 'http2.hpack_index';
    }
    const fault = this.#string();
    if (fault !== undefined) return fault;
    const wrong = name.fault ?? valueFault(name.kind, this.#stringBytes, this.#stringStart, this.#stringEnd);
    if (isIndexed) this.#index(name.isBorrowed ? { ...name, prefix: ownText(name.prefix), isBorrowed: false } : name, wrong);
    else this.#head.literal(name, this.#stringText(), wrong);
    return undefined;
  }

  #index(name: FieldName, fault: ProtocolError | undefined): void {
    const field = makeField(name, latin1(this.#stringBytes, this.#stringStart, this.#stringEnd), fault);
    this.#table.add(field);
    this.#head.field(field);
  }

  /** An integer whose first bits are below `mask` in the byte at hand (RFC 7541 section 5.1); -1 for a bad one. */
  #integer(mask: number): number {
    const bytes = this.#bytes;
    let value = (bytes[this.#at++] ?? 0) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift < MAX_INTEGER_SHIFT && this.#at < this.#end; shift += 7) {
      const byte = bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return -1;
  }

  /** Reads a string (RFC 7541 section 5.2): where its bytes are then, decoded. */
  #string(): HpackFaultCode | undefined {
    if (this.#at >= this.#end) return 'http2.hpack_string';
    const isHuffman = (this.#bytes[this.#at] ?? 0) >= HUFFMAN_BIT;
    const length = this.#integer(LENGTH_MASK);
    if (length < 0) return 'http2.hpack_integer';
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) return 'http2.hpack_string';
    this.#at = end;
    if (!isHuffman) {
      this.#stringBytes = this.#bytes;
      this.#stringStart = start;
      this.#stringEnd = end;
      return undefined;
    }
    const most = roomToDecode(length);
    if (most > this.#scratch.length) this.#scratch = new Uint8Array(most * 2);
    this.#stringBytes = this.#scratch;
    this.#stringStart = 0;
    this.#stringEnd = decodeHuffman(this.#bytes, start, end, this.#scratch);
    return this.#stringEnd < 0 ? 'http2.hpack_huffman' : undefined;
  }

  /** The string read last. A plain one is a substring of the block's text, which costs less than one of its own. */
  #stringText(): string {
    if (this.#stringBytes !== this.#bytes) return latin1(this.#stringBytes, this.#stringStart, this.#stringEnd);
    this.#text ??= latin1(this.#bytes, this.#start, this.#end);
    return this.#text.substring(this.#stringStart - this.#start, this.#stringEnd - this.#start);
  }

  /** The string read last, as a name. */
  #name(): FieldName {
    const bytes = this.#stringBytes;
    const start = this.#stringStart;
    const end = this.#stringEnd;
    const first = bytes[start] ?? 0;
    const key = fieldKey(end - start, first, bytes[end - 1] ?? 0);
    const rule = start === end ? undefined : ruleInBytes(bytes, start, key);
    if (rule !== undefined) return rule.fieldName;
    const prefix = `\r\n${this.#stringText()}: `;
    if (first === COLON && end > start) return { prefix, key, kind: UNKNOWN_PSEUDO, fault: undefined, isBorrowed: true };
    const fault = isLowerToken(bytes, start, end) ? undefined : hpackFault('http2.header_name');
    return { prefix, key, kind: REGULAR, fault, isBorrowed: true };
  }
}
