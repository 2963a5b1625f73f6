/** Makes a head of decoded fields, by the rules of RFC 9113 sections 8.2 and 8.3, and within limits. */
import type { ProtocolError } from '../../core/errors.ts';
import { HeaderBlock } from '../http/headers.ts';
import {
  AUTHORITY,
  CONNECTION_FIELD,
  CONTENT_LENGTH,
  COOKIE,
  DROPPED,
  EXPECT,
  HOST,
  METHOD,
  PATH,
  PROTOCOL,
  REGULAR,
  SCHEME,
  STATUS,
  TE,
  UNKNOWN_PSEUDO,
} from './field-rules.ts';
import { makeFieldName, nameLength, type Field, type FieldName } from './field.ts';
import { hpackFault, type HpackFaultCode } from './hpack-faults.ts';
import { ENTRY_OVERHEAD_BYTES } from './hpack-static.ts';

/** What a field block is. */
export const REQUEST = 0;
export const RESPONSE = 1;
export const TRAILERS = 2;
export type BlockKind = typeof REQUEST | typeof RESPONSE | typeof TRAILERS;

const bit = (kind: number): number => 1 << kind;
const REQUEST_FIELDS = bit(METHOD) | bit(PATH) | bit(SCHEME) | bit(AUTHORITY) | bit(PROTOCOL);

/** Pseudo-fields that a kind of block may have. */
const ALLOWED = [REQUEST_FIELDS, bit(STATUS), 0] as const;

/** Decoded bytes of a head, counted as RFC 9113 section 6.5.2 counts them, and its fields. */
export interface FieldLimits {
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
}

/** A decoded field block. One object is used again and again: take what is needed before the next block. */
export interface DecodedHead {
  /** The connection is lost: COMPRESSION_ERROR (RFC 7541 section 2.3.3 and others). */
  readonly compressionError: ProtocolError | undefined;
  /** The message is malformed: PROTOCOL_ERROR on its stream (RFC 9113 section 8.1.1). */
  readonly malformed: ProtocolError | undefined;
  /** A limit was passed: fields after that are missing, and those of the head need not be complete. */
  readonly isTooLarge: boolean;
  /** It was the number of fields that passed its limit. */
  readonly isTooMany: boolean;
  /** Of a request; '' for none. Method, scheme and path are there but for CONNECT without `protocol`, which has an authority. */
  readonly method: string;
  readonly path: string;
  readonly scheme: string;
  /** `:authority`, else `host`, which is not among the headers. */
  readonly authority: string;
  /** Of an extended CONNECT (RFC 8441). */
  readonly protocol: string;
  /** Of a response, else 0. Never 101. */
  readonly status: number;
  /** All fields but pseudo-fields, `host` and `expect: 100-continue`; cookies are one. */
  readonly headers: HeaderBlock;
  /** -1 where it is not declared. */
  readonly contentLength: number;
  readonly expectsContinue: boolean;
}

const DIGITS = /^[0-9]{1,15}$/;
const THREE_DIGITS = /^[1-9][0-9][0-9]$/;

/** Takes the fields of a block in order: `begin`, then `field` or `literal` for each, then `finish`. */
export class FieldCollector implements DecodedHead {
  compressionError: ProtocolError | undefined = undefined;
  malformed: ProtocolError | undefined = undefined;
  isTooLarge = false;
  isTooMany = false;
  method = '';
  path = '';
  scheme = '';
  authority = '';
  protocol = '';
  status = 0;
  headers = new HeaderBlock();
  contentLength = -1;
  expectsContinue = false;

  readonly #limits: FieldLimits;
  #kind: BlockKind = REQUEST;
  /** Lines, each with the end of the one before: a concatenation less for each. */
  #text = '';
  #textLength = 0;
  /** Of one block after the other, copied at their number: an array that grows by `push` leaves several of itself behind. */
  readonly #marks: number[] = Array.from({ length: 64 }, () => 0);
  #markCount = 0;
  #sizeBytes = 0;
  #count = 0;
  /** Bits of the pseudo-fields and the host that have come. */
  #seen = 0;
  #isRegularSeen = false;
  #cookies = '';
  #host = '';

  constructor(limits: FieldLimits) {
    this.#limits = limits;
  }

  begin(kind: BlockKind): void {
    this.compressionError = undefined;
    this.malformed = undefined;
    this.isTooLarge = false;
    this.isTooMany = false;
    this.method = '';
    this.path = '';
    this.scheme = '';
    this.authority = '';
    this.protocol = '';
    this.status = 0;
    this.contentLength = -1;
    this.expectsContinue = false;
    this.#kind = kind;
    this.#text = '';
    this.#textLength = 0;
    this.#markCount = 0;
    this.#sizeBytes = 0;
    this.#count = 0;
    this.#seen = 0;
    this.#isRegularSeen = false;
    this.#cookies = '';
    this.#host = '';
  }

  /** A field of a table. */
  field(field: Field): void {
    if (field.fault !== undefined) this.malformed ??= field.fault;
    if (!this.#hasRoom(field.sizeBytes)) return;
    if (field.kind === REGULAR) {
      this.#isRegularSeen = true;
      this.#mark(field.key);
      this.#text += field.line;
      this.#textLength += field.line.length;
    } else this.#special(field.name, field.value);
  }

  /** A field that is in no table. */
  literal(name: FieldName, value: string, fault: ProtocolError | undefined): void {
    if (fault !== undefined) this.malformed ??= fault;
    if (!this.#hasRoom(nameLength(name) + value.length + ENTRY_OVERHEAD_BYTES)) return;
    if (name.kind === REGULAR) {
      this.#isRegularSeen = true;
      this.#keep(name, value);
    } else this.#special(name, value);
  }

  /** Ends a block that cannot be read on. */
  fail(code: HpackFaultCode): DecodedHead {
    this.compressionError = hpackFault(code);
    this.headers = new HeaderBlock();
    return this;
  }

  finish(): DecodedHead {
    if (this.#cookies !== '') this.#keep(COOKIE_NAME, this.#cookies);
    this.#marks[this.#markCount++] = this.#textLength + 2;
    this.headers = new HeaderBlock(`${this.#text}\r\n`, this.#marks.slice(0, this.#markCount));
    if (!this.isTooLarge && this.malformed === undefined) this.malformed = this.#wholeFault();
    return this;
  }

  /** Counts a field; false where it is beyond a limit. */
  #hasRoom(sizeBytes: number): boolean {
    this.#sizeBytes += sizeBytes;
    this.#count++;
    if (this.#sizeBytes > this.#limits.maxHeadBytes) this.isTooLarge = true;
    else if (this.#count > this.#limits.maxHeaders && !this.isTooLarge) this.isTooLarge = this.isTooMany = true;
    return !this.isTooLarge;
  }

  /** A line begins here. */
  #mark(key: number): void {
    this.#marks[this.#markCount++] = key;
    this.#marks[this.#markCount++] = this.#textLength + 2;
  }

  #keep(name: FieldName, value: string): void {
    this.#mark(name.key);
    this.#text = this.#text + name.prefix + value;
    this.#textLength += name.prefix.length + value.length;
  }

  #bad(code: HpackFaultCode): void {
    this.malformed ??= hpackFault(code);
  }

  #special(name: FieldName, value: string): void {
    if (name.kind <= UNKNOWN_PSEUDO) {
      this.#pseudo(name.kind, value);
      return;
    }
    this.#isRegularSeen = true;
    switch (name.kind) {
      case COOKIE:
        this.#cookies = this.#cookies === '' ? value : `${this.#cookies}; ${value}`;
        break;
      case CONTENT_LENGTH:
        if (this.contentLength >= 0 || !DIGITS.test(value)) this.#bad('http2.content_length');
        else this.contentLength = Number(value);
        this.#keep(name, value);
        break;
      case TE:
        if (value === 'trailers') this.#keep(name, value);
        else this.#bad('http2.te');
        break;
      case HOST:
        if (this.#kind !== REQUEST) this.#keep(name, value);
        else if ((this.#seen & bit(HOST)) !== 0) this.#bad('http2.authority');
        else this.#host = value;
        this.#seen |= bit(HOST);
        break;
      case EXPECT:
        if (this.#kind === REQUEST && value.toLowerCase() === '100-continue') this.expectsContinue = true;
        else this.#keep(name, value);
        break;
      case CONNECTION_FIELD:
        this.#bad('http2.connection_field');
        break;
      case DROPPED:
        break;
      default:
        this.#keep(name, value);
    }
  }

  #pseudo(kind: number, value: string): void {
    if ((bit(kind) & ALLOWED[this.#kind]) === 0) this.#bad('http2.pseudo_unknown');
    else if ((bit(kind) & this.#seen) !== 0) this.#bad('http2.pseudo_duplicate');
    else if (this.#isRegularSeen) this.#bad('http2.pseudo_late');
    else if (value === '') this.#bad('http2.pseudo_empty');
    this.#seen |= bit(kind);
    switch (kind) {
      case METHOD:
        this.method = value;
        break;
      case PATH:
        this.path = value;
        break;
      case SCHEME:
        this.scheme = value;
        break;
      case AUTHORITY:
        this.authority = value;
        break;
      case PROTOCOL:
        this.protocol = value;
        break;
      case STATUS:
        if (THREE_DIGITS.test(value) && value !== '101') this.status = Number(value);
        else this.#bad('http2.status');
        break;
    }
  }

  /** What is wrong with the block as a whole. */
  #wholeFault(): ProtocolError | undefined {
    if (this.#kind === TRAILERS) return undefined;
    if (this.#kind === RESPONSE) return this.status === 0 ? hpackFault('http2.pseudo_missing') : undefined;
    if (this.authority === '') this.authority = this.#host;
    const isConnect = this.method === 'CONNECT';
    if (isConnect && this.protocol === '') {
      const isWell = this.authority !== '' && (this.#seen & (bit(PATH) | bit(SCHEME))) === 0;
      return isWell ? undefined : hpackFault('http2.connect');
    }
    if (this.method === '' || this.scheme === '' || this.path === '' || this.authority === '') return hpackFault('http2.pseudo_missing');
    if ((this.#seen & bit(PROTOCOL)) !== 0 && !isConnect) return hpackFault('http2.connect');
    const isPath = this.path.charCodeAt(0) === SLASH || (this.path === '*' && this.method === 'OPTIONS');
    return isPath ? undefined : hpackFault('http2.path_form');
  }
}

const SLASH = 0x2f;
const COOKIE_NAME: FieldName = makeFieldName('cookie', COOKIE, undefined);
