/**
 * Encoding of field blocks (RFC 7541) as text, one byte a character. For whoever writes frames:
 *
 *     const encoder = new HpackEncoder(maxTableBytes);  // the most that we use, whatever the peer allows
 *     encoder.setMaxTableBytes(n);                      // the peer's SETTINGS_HEADER_TABLE_SIZE; before its SETTINGS: 4096
 *     const block = encoder.request(method, scheme, authority, path, protocol, headers);
 *     const block = encoder.response(status, headers);
 *     const block = encoder.trailers(headers);
 *
 * Blocks must be sent in the order in which they were made. Fields of HTTP/1.1 connections and `host` are left out.
 *
 * A field whose value has come before is put in the table, and is one lookup and one or two bytes from then on. Values
 * that differ from message to message (`field-rules.ts` names them, and every value counts as one that comes the first
 * time) are sent as they are: in Huffman code they would be a quarter shorter and cost 7 ns a character, against nothing.
 * What goes into the table is in Huffman code, encoded once a process.
 */
import { trimBlanks, type HeaderBlock, type LineReader } from '../http/headers.ts';
import { LiteralName, literalName, makeFieldEncoding, type FieldEncoding } from './field-encoding.ts';
import { FieldIndex } from './field-index.ts';
import { FieldMemo } from './field-memo.ts';
import { NEVER_INDEXED, NOT_SENT, ruleInText, SECRET_IF_SHORT, TRAILERS_ONLY, type FieldRule } from './field-rules.ts';
import { keyOf } from './field.ts';
import { DEFAULT_TABLE_BYTES } from './hpack-static.ts';
import { indexedText, plainString, tableSizeText } from './hpack-text.ts';

/** A secret of fewer characters can be guessed by trying, if it is in a table (RFC 7541 section 7.1.3). */
const SHORT_SECRET_LENGTH = 20;

const COLON = 0x3a;

/** Shared by all connections of a process: what a line is encoded to does not depend on the connection. */
const LINES = new FieldMemo<FieldEncoding>();
const FIELDS = new FieldMemo<FieldEncoding>();

const METHODS: ReadonlyMap<string, FieldEncoding> = new Map(
  ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'CONNECT', 'TRACE'].map((method) => [
    method,
    makeFieldEncoding(':method', method),
  ]),
);
const SCHEMES: ReadonlyMap<string, FieldEncoding> = new Map(
  ['http', 'https'].map((scheme) => [scheme, makeFieldEncoding(':scheme', scheme)]),
);
const STATUSES: (FieldEncoding | undefined)[] = [];

const METHOD_NAME = literalName(':method');
const SCHEME_NAME = literalName(':scheme');
const AUTHORITY = ':authority';
const PATH_NAME = new LiteralName(':path');
const PROTOCOL_NAME = literalName(':protocol');
const ROOT_PATH = makeFieldEncoding(':path', '/').indexed;

function statusEncoding(status: number): FieldEncoding {
  return (STATUSES[status] ??= makeFieldEncoding(':status', String(status)));
}

/** One end's encoder, for one connection. */
export class HpackEncoder implements LineReader {
  readonly #table = new FieldIndex(DEFAULT_TABLE_BYTES);
  /** The most that is used of what the peer allows. */
  readonly #ownMaxBytes: number;
  /** The smallest size since the last block, and the last one: the peer is told of both (RFC 7541 section 4.2). */
  #smallestBytes = DEFAULT_TABLE_BYTES;
  #isResized = false;
  #out = '';

  constructor(ownMaxBytes = DEFAULT_TABLE_BYTES) {
    this.#ownMaxBytes = ownMaxBytes;
    if (ownMaxBytes < DEFAULT_TABLE_BYTES) this.setMaxTableBytes(ownMaxBytes);
  }

  /** What the peer allows; it is told with the next block what we make of it. */
  setMaxTableBytes(peerMaxBytes: number): void {
    const bytes = Math.min(peerMaxBytes, this.#ownMaxBytes);
    if (bytes === this.#table.maxBytes) return;
    this.#smallestBytes = Math.min(this.#smallestBytes, bytes);
    this.#isResized = true;
    this.#table.resize(bytes);
  }

  /** A request's block. `authority` and `protocol` '' for none; CONNECT without a protocol has neither scheme nor path. */
  request(method: string, scheme: string, authority: string, path: string, protocol: string, headers: HeaderBlock): string {
    this.#begin();
    this.#known(METHODS.get(method), METHOD_NAME, method);
    if (method !== 'CONNECT' || protocol !== '') {
      this.#known(SCHEMES.get(scheme), SCHEME_NAME, scheme);
      if (path === '/') this.#out += ROOT_PATH;
      else this.#out = this.#out + PATH_NAME.before(path.length, false) + path;
    }
    if (protocol !== '') this.#out += PROTOCOL_NAME + plainString(protocol);
    this.#authority(authority);
    return this.#end(headers);
  }

  response(status: number, headers: HeaderBlock): string {
    this.#begin();
    this.#indexed(statusEncoding(status));
    return this.#end(headers);
  }

  trailers(headers: HeaderBlock): string {
    this.#begin();
    return this.#end(headers);
  }

  /** A line of the block that is being encoded: `HeaderBlock.readLines` calls this. */
  line(text: string, start: number, end: number, key: number): void {
    const rule = ruleInText(text, start, key);
    const valueStart = start + (key >>> 16) + 1;
    if (rule !== undefined) {
      if (rule.encoding !== NOT_SENT) this.#ruled(rule, trimBlanks(text, valueStart, end));
      return;
    }
    const known = LINES.line(text, start, end, key);
    if (known !== undefined) {
      this.#indexed(known);
      return;
    }
    const name = text.substring(start, valueStart - 1).toLowerCase();
    const field = this.#unknown(name, trimBlanks(text, valueStart, end));
    if (field !== undefined) LINES.setLine(text.substring(start, end), key, field);
  }

  /** A field that was added to the block: `HeaderBlock.readLines` calls this. */
  field(name: string, value: string): void {
    const rule = ruleInText(name, 0, keyOf(name));
    if (rule !== undefined) {
      if (rule.encoding !== NOT_SENT) this.#ruled(rule, trimBlanks(value, 0, value.length));
      return;
    }
    if (name.charCodeAt(0) === COLON) return;
    const known = FIELDS.field(name, value);
    if (known !== undefined) this.#indexed(known);
    else this.#unknown(name, trimBlanks(value, 0, value.length));
  }

  #begin(): void {
    this.#out = '';
    if (!this.#isResized) return;
    const bytes = this.#table.maxBytes;
    if (this.#smallestBytes < bytes) this.#out += tableSizeText(this.#smallestBytes);
    this.#out += tableSizeText(bytes);
    this.#smallestBytes = bytes;
    this.#isResized = false;
  }

  #end(headers: HeaderBlock): string {
    headers.readLines(this);
    const out = this.#out;
    this.#out = '';
    return out;
  }

  #indexed(field: FieldEncoding): void {
    if (field.indexed !== '') {
      this.#out += field.indexed;
      return;
    }
    const index = this.#table.indexOf(field);
    if (index !== 0) this.#out += indexedText(index);
    else this.#out += this.#table.add(field) ? field.indexing : field.literal;
  }

  #known(field: FieldEncoding | undefined, name: string, value: string): void {
    if (field !== undefined) this.#indexed(field);
    else this.#out += name + plainString(value);
  }

  #authority(authority: string): void {
    const known = FIELDS.field(AUTHORITY, authority);
    if (known !== undefined) this.#indexed(known);
    else if (authority !== '') this.#unknown(AUTHORITY, authority);
  }

  /** A field that goes by a rule of its own. */
  #ruled(rule: FieldRule, value: string): void {
    if (rule.encoding === TRAILERS_ONLY) {
      if (value === 'trailers') this.#unknown(rule.name, value);
      return;
    }
    const isSecret = rule.encoding === NEVER_INDEXED || (rule.encoding === SECRET_IF_SHORT && value.length < SHORT_SECRET_LENGTH);
    this.#out = this.#out + rule.literalName.before(value.length, isSecret) + value;
  }

  /** Sends a field that `FIELDS` may not have; gives its encoding once it is worth to have one. */
  #unknown(name: string, value: string): FieldEncoding | undefined {
    let field = FIELDS.field(name, value);
    if (field === undefined && FIELDS.isWorth(name, value)) {
      field = makeFieldEncoding(name, value);
      FIELDS.setField(name, value, field);
    }
    if (field !== undefined) this.#indexed(field);
    else this.#out += literalName(name) + plainString(value);
    return field;
  }
}
