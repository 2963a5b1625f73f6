import { type ProtocolError, protocolErrors } from '../../core/errors.ts';

/**
 * Every way in which a peer can break HTTP/1.1, with the status that answers a request that does (a response that
 * does is answered by whoever asked for it). Made once: a peer that sends rubbish costs no stack traces.
 */
const FAULTS = [
  ['http1.method', 400, 'invalid method'],
  ['http1.target', 400, 'invalid request target'],
  ['http1.version', 426, 'unsupported HTTP version'],
  ['http1.request_line', 400, 'malformed request line'],
  ['http1.status_line', 502, 'malformed status line'],
  ['http1.line_end', 400, 'line not ended by CR LF'],
  ['http1.header_name', 400, 'invalid header name'],
  ['http1.header_value', 400, 'invalid character in a header value'],
  ['http1.obs_fold', 400, 'folded header line'],
  ['http1.head_too_large', 431, 'header fields too large'],
  ['http1.too_many_headers', 431, 'too many header fields'],
  ['http1.target_too_long', 431, 'request target too long'],
  ['http1.missing_host', 400, 'missing Host'],
  ['http1.duplicate_host', 400, 'more than one Host'],
  ['http1.host', 400, 'invalid Host'],
  ['http1.content_length', 400, 'invalid Content-Length'],
  ['http1.content_length_and_chunked', 400, 'both Content-Length and Transfer-Encoding'],
  ['http1.transfer_encoding', 501, 'unsupported Transfer-Encoding'],
  ['http1.transfer_encoding_1_0', 400, 'Transfer-Encoding in HTTP/1.0'],
  ['http1.expect', 417, 'unsupported expectation'],
  ['http1.chunk_size', 400, 'invalid chunk size'],
  ['http1.chunk_extension', 400, 'chunk extensions too large or malformed'],
  ['http1.chunk_end', 400, 'chunk data not ended by CR LF'],
  ['http1.trailers', 400, 'invalid trailers'],
  ['http1.end_in_head', 400, 'connection ended inside a head'],
  ['http1.end_in_body', 400, 'connection ended inside a body'],
  ['http1.unexpected_bytes', 400, 'bytes outside any message'],
] as const satisfies readonly (readonly [code: string, status: number, message: string])[];

export type FaultCode = (typeof FAULTS)[number][0];

/** The error of a code. */
export const fault: (code: FaultCode) => ProtocolError = protocolErrors(FAULTS);
