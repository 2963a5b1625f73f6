/** Responses that the proxy makes itself. Source: Envoy, sendLocalReply; gRPC's mapping of HTTP statuses. */
import type { ProtocolError } from '../../core/errors.ts';
import { isBareGrpcType } from '../../core/grpc-status.ts';
import { headersOf } from '../../wire/http/headers.ts';
import type { HeaderMap } from '../../wire/http/message.ts';
import type { Response } from '../router/downstream.ts';
import type { LocalReply } from './filter.ts';

export interface LocalMessage {
  readonly head: Response;
  readonly body: Uint8Array;
}

type Reply = Omit<LocalReply, 'details'>;

const NO_FIELDS: NonNullable<LocalReply['headers']> = [];

const NOTHING = new Uint8Array(0);
const GRPC_UNKNOWN = 2;

/** gRPC statuses by the HTTP status that stands for them. */
const GRPC_STATUSES: Readonly<Record<number, number>> = { 400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14 };

/** Text as `grpc-message` carries it: percent-encoded UTF-8. */
export function grpcText(text: string): string {
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  return bytes.replace(/[^ -$&-}]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

/** The gRPC status that stands for an HTTP status. */
export function grpcStatusOf(status: number): number {
  return GRPC_STATUSES[status] ?? GRPC_UNKNOWN;
}

/** A client of gRPC reads no HTTP status: it gets 200 and the status in a field. */
function grpcMessage({ status, body = '', headers: fields = NO_FIELDS, grpcStatus }: Reply): LocalMessage {
  const headers = headersOf([
    ...fields.filter(([name]) => name.toLowerCase() !== 'content-type'),
    ['content-type', 'application/grpc'],
    ['grpc-status', String(grpcStatus ?? grpcStatusOf(status))],
    // the line's end that formats of JSON write belongs to a body
    ...(body === '' ? [] : [['grpc-message', grpcText(body.replace(/\n$/, ''))] as const]),
  ]);
  return { head: { status: 200, headers, contentLength: 0 }, body: NOTHING };
}

/** A response of our own to a request with these header fields; undefined where there was no request, or its client reads no gRPC. */
export function localMessage(request: HeaderMap | undefined, reply: Reply): LocalMessage {
  if (request !== undefined && isBareGrpcType(request.get('content-type'))) return grpcMessage(reply);
  const { status, body = '', headers: fields = NO_FIELDS } = reply;
  const headers = headersOf(fields);
  const bytes = body === '' ? NOTHING : Buffer.from(body, 'utf8');
  if (status !== 204 && status !== 304 && body !== '') {
    headers.set('content-length', String(bytes.length));
    if (!headers.has('content-type')) headers.set('content-type', 'text/plain');
  }
  return { head: { status, headers, contentLength: bytes.length }, body: bytes };
}

/** Envoy's words for what it says of some breaches of HTTP/1.1; the others are all codec errors. */
const DETAILS: Readonly<Record<string, string>> = {
  'http1.head_too_large': 'http1.headers_too_large',
  'http1.target_too_long': 'http1.headers_too_large',
  'http1.too_many_headers': 'http1.too_many_headers',
  'http1.host': 'http.invalid_authority',
  'http1.version': 'low_version',
  'http1.missing_host': 'missing_host_header',
};

/** %RESPONSE_CODE_DETAILS% of a request that breaks the protocol. */
export function breachDetails({ code }: ProtocolError): string {
  return DETAILS[code] ?? 'http1.codec_error';
}
