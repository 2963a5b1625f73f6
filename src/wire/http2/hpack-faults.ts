import { type ProtocolError, protocolErrors } from '../../core/errors.ts';

/**
 * Every way in which a peer can break HPACK (`http2.hpack_*`, an error of the connection) or the rules for fields
 * (RFC 9113 section 8, an error of the stream). Made once: a peer that sends rubbish costs no stack traces.
 */
const FAULTS = [
  ['http2.hpack_index', 0, 'field block names an entry that is not in the table'],
  ['http2.hpack_integer', 0, 'field block has an integer that is cut off or too large'],
  ['http2.hpack_string', 0, 'field block has a string that is cut off'],
  ['http2.hpack_huffman', 0, 'field block has a malformed Huffman string'],
  ['http2.hpack_table_size', 0, 'field block sets a table size above the advertised, not at its start, or not at all'],
  ['http2.header_name', 400, 'invalid header name'],
  ['http2.header_value', 400, 'invalid character in a header value'],
  ['http2.connection_field', 400, 'field of HTTP/1.1 connections'],
  ['http2.te', 400, 'TE other than trailers'],
  ['http2.pseudo_unknown', 400, 'unknown pseudo-field, or one that has no business here'],
  ['http2.pseudo_duplicate', 400, 'pseudo-field more than once'],
  ['http2.pseudo_late', 400, 'pseudo-field after another field'],
  ['http2.pseudo_missing', 400, 'pseudo-field missing, or host where there is no :authority'],
  ['http2.pseudo_empty', 400, 'pseudo-field without a value'],
  ['http2.connect', 400, 'malformed CONNECT'],
  ['http2.method', 400, 'invalid :method'],
  ['http2.path', 400, 'invalid character in :path'],
  ['http2.path_form', 400, ':path that does not begin with a slash'],
  ['http2.scheme', 400, 'invalid :scheme'],
  ['http2.authority', 400, 'invalid :authority or host'],
  ['http2.status', 400, 'invalid :status'],
  ['http2.content_length', 400, 'invalid content-length'],
] as const satisfies readonly (readonly [code: string, status: number, message: string])[];

export type HpackFaultCode = (typeof FAULTS)[number][0];

/** The error of a code. */
export const hpackFault: (code: HpackFaultCode) => ProtocolError = protocolErrors(FAULTS);
