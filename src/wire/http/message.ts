/** HTTP heads as codecs produce them and filters see them; the same for HTTP/1.1 and HTTP/2. */
import type { FieldLine, FieldName, FixedField, HeaderBlock } from './headers.ts';

/**
 * A list of header fields that keeps order and duplicates. Names are matched without regard to case and are given
 * in lower case by every caller. A block that nobody changes is forwarded from its source text without being rebuilt.
 */
export interface HeaderMap {
  /** The first field's value, without white space around it. */
  get(name: string | FieldName): string | undefined;
  /** Every value in order; what a comma-joined list means is the reader's business. */
  getAll(name: string | FieldName): readonly string[];
  has(name: string | FieldName): boolean;
  /** Replaces all fields of that name by one. */
  set(name: string, value: string): void;
  /** As `set`, for a value that is known to have no characters but those that a field may have. */
  setPlain(name: FieldName, value: string): void;
  /** As `set`, of a field that was prepared with `fixedField`. */
  setFixed(field: FixedField): void;
  /** As `setFixed`; `field` has a line of that name. */
  setLine(name: FieldName, field: FieldLine): void;
  add(name: string, value: string): void;
  remove(name: string | FieldName): void;
  forEach(visit: (name: string, value: string) => void): void;
  /** Fields in the block. */
  readonly size: number;
}

export type HttpProtocol = 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';

export interface RequestHead {
  method: string;
  /** Path with its query, as received or as rewritten. */
  path: string;
  /** `Host` or `:authority`. */
  authority: string;
  scheme: string;
  readonly protocol: HttpProtocol;
  readonly headers: HeaderMap;
  /** Declared length in bytes; -1 where unknown (chunked), 0 where there is no body. */
  contentLength: number;
}

export interface ResponseHead {
  status: number;
  readonly headers: HeaderMap;
  /** Declared length in bytes; -1 where unknown. */
  contentLength: number;
}

/** A request as a server's codec gives it: fields that concern the hop alone are taken out of `headers`. */
export interface IncomingRequest extends RequestHead {
  readonly headers: HeaderBlock;
  /**
   * Protocol that the client wants to change to, in lower case: `Upgrade` of HTTP/1.1, `:protocol` of an extended CONNECT
   * (RFC 8441), whose method is given as GET then; '' for none. Plain CONNECT is the method.
   */
  readonly upgrade: string;
  readonly expectsContinue: boolean;
  /** The target was in absolute form: the client takes us for a proxy. */
  readonly isAbsolute: boolean;
}

/** A response as a client's codec gives it. */
export interface IncomingResponse extends ResponseHead {
  readonly headers: HeaderBlock;
  /** Of a response that accepts an upgrade (status 101, whatever the version), the protocol; ''. */
  readonly upgrade: string;
}
