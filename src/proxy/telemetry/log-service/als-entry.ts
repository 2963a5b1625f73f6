/**
 * A stream as an entry of Envoy's access log service, in bytes: each message is a function, each field a line with its
 * number. Source: envoy.data.accesslog.v3.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import type { NetAddress } from '../../../net/address.ts';
import { internalAddress, internalListenerOf, parseAddress } from '../../../net/address.ts';
import type { HeaderMap } from '../../../wire/http/message.ts';
import { MetadataSchema, RequestMethod } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  AccessLogType,
  HTTPAccessLogEntry_HTTPVersion as HttpVersion,
  ResponseFlags_Unauthorized_Reason as Reason,
  TLSProperties_TLSVersion as TlsVersion,
} from '../../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import { flagBit, type ResponseFlag, type StreamInfo } from '../../http/stream-info.ts';
import { partOf } from '../../tracing/custom-tags.ts';
import { cipherId } from '../../tls/cipher-ids.ts';
import { textOf } from '../byte-text.ts';
import { logTypeOf } from '../format-connection.ts';
import { ProtoWriter } from '../proto-writer.ts';
import type { AlsSettings } from './als.ts';

/** Fields of ResponseFlags, all of them true or absent. */
const FLAG_FIELDS: readonly (readonly [ResponseFlag, number])[] = [
  ['LH', 1],
  ['UH', 2],
  ['UT', 3],
  ['LR', 4],
  ['UR', 5],
  ['UF', 6],
  ['UC', 7],
  ['UO', 8],
  ['NR', 9],
  ['DI', 10],
  ['FI', 11],
  ['RL', 12],
  ['UAEX', 13],
  ['RLSE', 14],
  ['DC', 15],
  ['URX', 16],
  ['SI', 17],
  ['IH', 18],
  ['DPE', 19],
  ['UMSDR', 20],
  ['DT', 23],
  ['UPE', 24],
  ['NC', 25],
  ['OM', 26],
  ['DF', 27],
  ['DR', 28],
];

function writeFlags(to: ProtoWriter, flags: number): void {
  for (const [flag, field] of FLAG_FIELDS) {
    if ((flags & flagBit(flag)) === 0) continue;
    if (flag === 'UAEX') to.nested(field, (details) => details.integer(1, Reason.EXTERNAL_SERVICE));
    else to.integer(field, 1);
  }
}

/** Address.socket_address, or of a listener within the process Address.envoy_internal_address. */
function writeAddress(to: ProtoWriter, field: number, address: NetAddress): void {
  const { host, port } = address;
  const listener = internalListenerOf(address);
  const message = to.begin(field);
  const inner = to.begin(listener === undefined ? 1 : 3);
  if (listener === undefined) to.someText(2, host).integer(3, port);
  else to.text(1, listener).someText(2, host.slice(internalAddress(listener, '').host.length));
  to.end(inner).end(message);
}

const MAX_NANOS = 999_999_999;

/** Timestamp and Duration: seconds and nanoseconds. */
function writeTime(to: ProtoWriter, field: number, ms: number): void {
  const seconds = Math.floor(ms / 1000);
  // what rounds up to a whole second is none: there are no more nanoseconds than these in one
  const nanos = Math.min(MAX_NANOS, Math.round((ms - seconds * 1000) * 1e6));
  const at = to.begin(field);
  to.someInteger(1, seconds).someInteger(2, nanos).end(at);
}

/** From the stream's start to a moment; nothing where that was not reached. */
function writeSince(to: ProtoWriter, field: number, { startMs }: StreamInfo, atMs: number): void {
  if (atMs > 0) writeTime(to, field, Math.max(0, atMs - startMs));
}

const VERSIONS: Readonly<Record<string, TlsVersion>> = {
  TLSv1: TlsVersion.TLSv1,
  'TLSv1.1': TlsVersion.TLSv1_1,
  'TLSv1.2': TlsVersion.TLSv1_2,
  'TLSv1.3': TlsVersion.TLSv1_3,
};

/** CertificateProperties. */
function writeCertificate(to: ProtoWriter, field: number, uris: readonly string[], subject: string, issuer: string): void {
  to.nested(field, (properties) => {
    for (const uri of uris) properties.nested(1, (name) => name.text(1, uri));
    properties.someText(2, subject).someText(3, issuer);
  });
}

/** TLSProperties. */
function writeTls(to: ProtoWriter, { tls, requestedServerName, ja3 }: StreamInfo['connection']): void {
  if (tls !== undefined) {
    const cipher = cipherId(tls.cipher);
    to.someInteger(1, VERSIONS[tls.protocol] ?? TlsVersion.VERSION_UNSPECIFIED);
    if (cipher !== undefined) to.nested(2, (value) => value.integer(1, cipher));
  }
  to.someText(3, requestedServerName);
  if (tls !== undefined) {
    writeCertificate(to, 4, tls.localUriSans, tls.local?.subject ?? '', '');
    writeCertificate(to, 5, tls.uriSans, tls.subject, tls.certificate?.issuer ?? '');
    to.someText(6, tls.sessionId ?? '');
  }
  to.someText(7, ja3 ?? '');
}

function isObject(value: unknown): value is Record<string, never> {
  return typeof value === 'object' && value !== null;
}

/** What filters left, where it is plain: of any form, so that it is written by its description. */
function metadataOf({ metadata }: StreamInfo): Uint8Array | undefined {
  const plain: Record<string, Record<string, never>> = {};
  let isEmpty = true;
  for (const [namespace, value] of metadata) {
    if (!namespace.startsWith('envoy.') || !isObject(value)) continue;
    plain[namespace] = value;
    isEmpty = false;
  }
  return isEmpty ? undefined : toBinary(MetadataSchema, create(MetadataSchema, { filterMetadata: plain }));
}

/** An entry of `filter_state_objects`: an Any with a StringValue. */
function writeState(to: ProtoWriter, field: number, key: string, value: string): void {
  to.nested(field, (entry) =>
    entry
      .text(1, key)
      .nested(2, (any) => any.text(1, 'type.googleapis.com/google.protobuf.StringValue').nested(2, (text) => text.someText(1, value))),
  );
}

const TYPES = new Map<string, number>(
  Object.entries(AccessLogType).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value] as const] : [])),
);

/** The addresses at the upstream's side. */
function writeUpstream(to: ProtoWriter, info: StreamInfo): void {
  const { upstream } = info;
  const local = parseAddress(info.upstreamLocalAddress);
  if (upstream !== undefined) writeAddress(to, 13, upstream.address);
  if (local !== undefined) writeAddress(to, 14, local);
  if (upstream !== undefined) to.someText(15, info.clusterName);
}

/** AccessLogCommon. */
function writeCommon(to: ProtoWriter, info: StreamInfo, settings: AlsSettings): void {
  const { connection, flags } = info;
  const metadata = metadataOf(info);
  writeAddress(to, 2, info.clientAddress ?? connection.remote);
  writeAddress(to, 3, connection.local);
  if (connection.tls !== undefined || connection.requestedServerName !== '') to.nested(4, (tls) => writeTls(tls, connection));
  writeTime(to, 5, info.startWallMs);
  writeSince(to, 6, info, info.requestEndMs);
  writeSince(to, 7, info, info.upstreamSendMs);
  writeSince(to, 8, info, info.upstreamSentMs);
  writeSince(to, 9, info, info.firstUpstreamByteMs);
  writeSince(to, 10, info, info.upstreamEndMs);
  writeSince(to, 12, info, info.endMs);
  writeUpstream(to, info);
  if (flags !== 0) to.nested(16, (inner) => writeFlags(inner, flags));
  if (metadata !== undefined) to.message(17, metadata);
  to.someText(18, info.upstreamTransportFailure).someText(19, info.routeName);
  writeAddress(to, 20, connection.directRemote ?? connection.remote);
  for (const key of settings.filterState) {
    const value = info.filterState?.get(key);
    if (value !== undefined) writeState(to, 21, key, value);
  }
  for (const { name, text } of settings.tags) {
    const value = text(info);
    if (value !== undefined) to.entry(22, name, value);
  }
  writeSince(to, 23, info, info.endMs);
  to.someInteger(24, info.attempts).someText(25, info.terminationDetails);
  to.someHeadText(26, info.request?.headers.get('x-request-id') ?? '').someText(28, info.downstreamTransportFailure ?? '');
  to.someInteger(33, TYPES.get(logTypeOf(info)) ?? AccessLogType.NotSet);
}

const PROTOCOLS: Readonly<Record<string, HttpVersion>> = {
  'HTTP/1.0': HttpVersion.HTTP10,
  'HTTP/1.1': HttpVersion.HTTP11,
  'HTTP/2': HttpVersion.HTTP2,
};

const METHODS = new Map<string, number>(
  Object.entries(RequestMethod).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value] as const] : [])),
);

/** A map of those of a head's fields that are asked for; `partOf` gives what is in the head beside its fields, such as `:path`. */
function writeChosen(
  to: ProtoWriter,
  field: number,
  headers: HeaderMap | undefined,
  names: readonly string[],
  partOf?: (name: string) => string | undefined,
): void {
  for (const name of names) {
    const text = partOf?.(name) ?? headers?.getAll(name).join(',');
    if (text !== undefined && (text !== '' || headers?.has(name) === true)) to.entry(field, name, textOf(text));
  }
}

/** HTTPRequestProperties. */
function writeRequest(to: ProtoWriter, request: NonNullable<StreamInfo['request']>, info: StreamInfo, settings: AlsSettings): void {
  const { method, scheme, authority, path, headers } = request;
  to.someInteger(1, METHODS.get(method) ?? RequestMethod.METHOD_UNSPECIFIED);
  to.someText(2, scheme).someHeadText(3, authority).someHeadText(5, path);
  to.someHeadText(6, headers.get('user-agent') ?? '').someHeadText(7, headers.get('referer') ?? '');
  to.someHeadText(8, headers.get('x-forwarded-for') ?? '').someHeadText(9, headers.get('x-request-id') ?? '');
  to.someHeadText(10, headers.get('x-envoy-original-path') ?? '');
  to.someInteger(12, info.bytesReceived);
  writeChosen(to, 13, headers, settings.requestFields, (name) => partOf(request, name));
}

/** HTTPResponseProperties. */
function writeResponse(to: ProtoWriter, info: StreamInfo, settings: AlsSettings): void {
  const { responseCode } = info;
  if (responseCode > 0) {
    const code = to.begin(1);
    to.integer(1, responseCode).end(code);
  }
  to.someInteger(3, info.bytesSent);
  const { response } = info;
  writeChosen(to, 4, response?.headers, settings.responseFields, (name) =>
    name === ':status' ? response && String(response.status) : undefined,
  );
  writeChosen(to, 5, info.responseTrailers, settings.trailerFields);
  to.someText(6, info.responseCodeDetails);
}

/** Writes the HTTPAccessLogEntry of a request. */
export function writeHttpEntry(to: ProtoWriter, info: StreamInfo, settings: AlsSettings): void {
  const { request } = info;
  const common = to.begin(1);
  writeCommon(to, info, settings);
  to.end(common).someInteger(2, PROTOCOLS[info.protocol ?? ''] ?? HttpVersion.PROTOCOL_UNSPECIFIED);
  if (request !== undefined) {
    const inner = to.begin(3);
    writeRequest(to, request, info, settings);
    to.end(inner);
  }
  const response = to.begin(4);
  writeResponse(to, info, settings);
  to.end(response);
}

/** Writes the TCPAccessLogEntry of a connection. */
export function writeTcpEntry(to: ProtoWriter, info: StreamInfo, settings: AlsSettings): void {
  to.nested(1, (common) => writeCommon(common, info, settings));
  to.nested(2, (connection) => connection.someInteger(1, info.bytesReceived).someInteger(2, info.bytesSent));
}

const writer = new ProtoWriter();

/** The HTTPAccessLogEntry of a request, in bytes. */
export function httpEntry(info: StreamInfo, settings: AlsSettings): Uint8Array {
  writeHttpEntry(writer.clear(), info, settings);
  return writer.take();
}

/** The TCPAccessLogEntry of a connection, in bytes. */
export function tcpEntry(info: StreamInfo, settings: AlsSettings): Uint8Array {
  writeTcpEntry(writer.clear(), info, settings);
  return writer.take();
}
