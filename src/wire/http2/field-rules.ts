/**
 * What HTTP/2 does with a field, by its name: what it means to a head that is decoded, and how it is encoded. The one
 * list that the decoder, the encoder and its table go by.
 */
import { LOWER_TOKEN } from '../http1/bytes.ts';
import { LiteralName } from './field-encoding.ts';
import { makeFieldName, type FieldName } from './field.ts';

/** What a field is to a head (RFC 9113 section 8). */
export const REGULAR = 0;
export const METHOD = 1;
export const PATH = 2;
export const SCHEME = 3;
export const AUTHORITY = 4;
export const STATUS = 5;
export const PROTOCOL = 6;
export const UNKNOWN_PSEUDO = 7;
export const COOKIE = 8;
export const CONTENT_LENGTH = 9;
export const TE = 10;
export const HOST = 11;
export const EXPECT = 12;
/** A field of HTTP/1.1 connections: a message that has one is malformed, and none is sent. */
export const CONNECTION_FIELD = 13;
/** Says something to the next hop alone, and nothing in HTTP/2: not kept, not sent. */
export const DROPPED = 14;

/** How a field is encoded whose values do not come again and again; all others go into the dynamic table from the second time on. */
/** Another value each time: it would only drive others out of the table. */
const LITERAL = 1;
/** A secret that no proxy on the way may index either (RFC 7541 section 7.1.3). */
export const NEVER_INDEXED = 2;
/** Not sent. */
export const NOT_SENT = 3;
/** A secret only where it is short enough to be guessed. */
export const SECRET_IF_SHORT = 4;
/** Sent only as `trailers` (RFC 9113 section 8.2.2). */
export const TRAILERS_ONLY = 5;

export interface FieldRule {
  readonly name: string;
  readonly kind: number;
  readonly encoding: number;
  /** The name encoded. */
  readonly literalName: LiteralName;
  /** The name decoded. */
  readonly fieldName: FieldName;
  readonly key: number;
  /** Another rule in the same slot. */
  readonly next: FieldRule | undefined;
}

/** Rows of fields that have neither a meaning to the codec nor few values. */
const MANY_VALUES = [
  'age',
  'content-disposition',
  'content-location',
  'content-range',
  'etag',
  'expires',
  'grpc-message',
  'grpc-timeout',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'range',
  'referer',
  'baggage',
  'b3',
  'traceparent',
  'tracestate',
  'x-amzn-trace-id',
  'x-b3-parentspanid',
  'x-b3-spanid',
  'x-b3-traceid',
  'x-client-trace-id',
  'x-cloud-trace-context',
  'x-correlation-id',
  'x-datadog-parent-id',
  'x-datadog-trace-id',
  'x-envoy-attempt-count',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-original-path',
  'x-envoy-upstream-service-time',
  'x-forwarded-for',
  'x-ot-span-context',
  'x-real-ip',
  'x-request-id',
  'x-request-start',
  'x-response-time',
  'x-runtime',
] as const;

const RULES = [
  { name: ':method', kind: METHOD, encoding: NOT_SENT },
  { name: ':path', kind: PATH, encoding: NOT_SENT },
  { name: ':scheme', kind: SCHEME, encoding: NOT_SENT },
  { name: ':authority', kind: AUTHORITY, encoding: NOT_SENT },
  { name: ':status', kind: STATUS, encoding: NOT_SENT },
  { name: ':protocol', kind: PROTOCOL, encoding: NOT_SENT },
  { name: 'authorization', kind: REGULAR, encoding: NEVER_INDEXED },
  { name: 'connection', kind: CONNECTION_FIELD, encoding: NOT_SENT },
  { name: 'content-length', kind: CONTENT_LENGTH, encoding: LITERAL },
  { name: 'cookie', kind: COOKIE, encoding: SECRET_IF_SHORT },
  { name: 'expect', kind: EXPECT, encoding: LITERAL },
  { name: 'host', kind: HOST, encoding: NOT_SENT },
  { name: 'http2-settings', kind: DROPPED, encoding: NOT_SENT },
  { name: 'keep-alive', kind: CONNECTION_FIELD, encoding: NOT_SENT },
  { name: 'proxy-authorization', kind: REGULAR, encoding: NEVER_INDEXED },
  { name: 'proxy-connection', kind: CONNECTION_FIELD, encoding: NOT_SENT },
  { name: 'set-cookie', kind: REGULAR, encoding: SECRET_IF_SHORT },
  { name: 'te', kind: TE, encoding: TRAILERS_ONLY },
  { name: 'transfer-encoding', kind: CONNECTION_FIELD, encoding: NOT_SENT },
  { name: 'upgrade', kind: CONNECTION_FIELD, encoding: NOT_SENT },
  ...MANY_VALUES.map((name) => ({ name, kind: REGULAR, encoding: LITERAL })),
] as const satisfies readonly Pick<FieldRule, 'name' | 'kind' | 'encoding'>[];

const SLOT_BITS = 10;

function slotOf(key: number): number {
  return Math.imul(key, 0x9e3779b1) >>> (32 - SLOT_BITS);
}

const RULE_BY_SLOT: (FieldRule | undefined)[] = Array.from({ length: 1 << SLOT_BITS }, () => undefined);
for (const { name, kind, encoding } of RULES) {
  const fieldName = makeFieldName(name, kind, undefined);
  const { key } = fieldName;
  RULE_BY_SLOT[slotOf(key)] = {
    name,
    kind,
    encoding,
    literalName: new LiteralName(name),
    fieldName,
    key,
    next: RULE_BY_SLOT[slotOf(key)],
  };
}

/** Rule of the lower-case name that is at `at` in `bytes`; `key` is its `fieldKey`. */
export function ruleInBytes(bytes: Uint8Array, at: number, key: number): FieldRule | undefined {
  for (let rule = RULE_BY_SLOT[slotOf(key)]; rule !== undefined; rule = rule.next) {
    if (rule.key !== key) continue;
    const { name } = rule;
    let i = 0;
    while (i < name.length && bytes[at + i] === name.charCodeAt(i)) i++;
    if (i === name.length) return rule;
  }
  return undefined;
}

/** Rule of the name that is at `at` in `text`, whatever its case; `key` is its `fieldKey`. */
export function ruleInText(text: string, at: number, key: number): FieldRule | undefined {
  for (let rule = RULE_BY_SLOT[slotOf(key)]; rule !== undefined; rule = rule.next) {
    if (rule.key !== key) continue;
    const { name } = rule;
    let i = 0;
    while (i < name.length && LOWER_TOKEN[text.charCodeAt(at + i)] === name.charCodeAt(i)) i++;
    if (i === name.length) return rule;
  }
  return undefined;
}
