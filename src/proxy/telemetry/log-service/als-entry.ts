/** A stream as an entry of Envoy's access log service. Source: envoy.data.accesslog.v3. */
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import type { NetAddress } from '../../../net/address.ts';
import { internalAddress, internalListenerOf, parseAddress } from '../../../net/address.ts';
import type { HeaderMap } from '../../../wire/http/message.ts';
import { type Address, AddressSchema } from '../../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { RequestMethod } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type AccessLogCommon,
  AccessLogCommonSchema,
  AccessLogType,
  type HTTPAccessLogEntry,
  HTTPAccessLogEntry_HTTPVersion as HttpVersion,
  HTTPAccessLogEntrySchema,
  type ResponseFlags,
  ResponseFlags_Unauthorized_Reason as Reason,
  ResponseFlagsSchema,
  type TCPAccessLogEntry,
  TCPAccessLogEntrySchema,
  TLSProperties_TLSVersion as TlsVersion,
  TLSPropertiesSchema,
} from '../../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import { flagBit, type ResponseFlag, type StreamInfo } from '../../http/stream-info.ts';
import { logTypeOf } from '../format-connection.ts';
import type { AlsSettings } from './als.ts';

type FlagField = Exclude<keyof ResponseFlags, '$typeName' | '$unknown' | 'unauthorizedDetails'>;

const FLAG_FIELDS: readonly (readonly [ResponseFlag, FlagField])[] = [
  ['LH', 'failedLocalHealthcheck'],
  ['UH', 'noHealthyUpstream'],
  ['UT', 'upstreamRequestTimeout'],
  ['LR', 'localReset'],
  ['UR', 'upstreamRemoteReset'],
  ['UF', 'upstreamConnectionFailure'],
  ['UC', 'upstreamConnectionTermination'],
  ['UO', 'upstreamOverflow'],
  ['NR', 'noRouteFound'],
  ['DI', 'delayInjected'],
  ['FI', 'faultInjected'],
  ['RL', 'rateLimited'],
  ['RLSE', 'rateLimitServiceError'],
  ['DC', 'downstreamConnectionTermination'],
  ['URX', 'upstreamRetryLimitExceeded'],
  ['SI', 'streamIdleTimeout'],
  ['IH', 'invalidEnvoyRequestHeaders'],
  ['DPE', 'downstreamProtocolError'],
  ['UMSDR', 'upstreamMaxStreamDurationReached'],
  ['DT', 'durationTimeout'],
  ['UPE', 'upstreamProtocolError'],
  ['NC', 'noClusterFound'],
  ['OM', 'overloadManager'],
  ['DF', 'dnsResolutionFailure'],
  ['DR', 'downstreamRemoteReset'],
];

function flagsOf({ flags }: StreamInfo): ResponseFlags | undefined {
  if (flags === 0) return undefined;
  const message = create(ResponseFlagsSchema);
  for (const [flag, field] of FLAG_FIELDS) if ((flags & flagBit(flag)) !== 0) message[field] = true;
  if ((flags & flagBit('UAEX')) !== 0)
    message.unauthorizedDetails = { $typeName: 'envoy.data.accesslog.v3.ResponseFlags.Unauthorized', reason: Reason.EXTERNAL_SERVICE };
  return message;
}

function addressOf(address: NetAddress): Address {
  const { host, port } = address;
  const listener = internalListenerOf(address);
  if (listener !== undefined) {
    const addressNameSpecifier = { case: 'serverListenerName' as const, value: listener };
    const endpointId = host.slice(internalAddress(listener, '').host.length);
    return create(AddressSchema, { address: { case: 'envoyInternalAddress', value: { addressNameSpecifier, endpointId } } });
  }
  return create(AddressSchema, {
    address: { case: 'socketAddress', value: { address: host, portSpecifier: { case: 'portValue', value: port } } },
  });
}

/** A span of time, as protobuf has it. */
function duration(ms: number) {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** From the stream's start to a moment; undefined where that was not reached. */
function since({ startMs }: StreamInfo, atMs: number) {
  return atMs === 0 ? {} : duration(Math.max(0, atMs - startMs));
}

const VERSIONS: Readonly<Record<string, TlsVersion>> = {
  TLSv1: TlsVersion.TLSv1,
  'TLSv1.1': TlsVersion.TLSv1_1,
  'TLSv1.2': TlsVersion.TLSv1_2,
  'TLSv1.3': TlsVersion.TLSv1_3,
};

function tlsOf({ connection: { tls, requestedServerName, ja3 } }: StreamInfo) {
  if (tls === undefined && requestedServerName === '') return undefined;
  const uris = (all: readonly string[]) => all.map((value) => ({ san: { case: 'uri' as const, value } }));
  return create(TLSPropertiesSchema, {
    tlsSniHostname: requestedServerName,
    ...(ja3 !== undefined && { ja3Fingerprint: ja3 }),
    ...(tls !== undefined && {
      tlsVersion: VERSIONS[tls.protocol] ?? TlsVersion.VERSION_UNSPECIFIED,
      tlsSessionId: tls.sessionId ?? '',
      localCertificateProperties: { subjectAltName: uris(tls.localUriSans) },
      peerCertificateProperties: { subjectAltName: uris(tls.uriSans), subject: tls.subject },
    }),
  });
}

function isObject(value: unknown): value is Record<string, never> {
  return typeof value === 'object' && value !== null;
}

/** What filters left, where it is plain. */
function metadataOf({ metadata }: StreamInfo) {
  const plain = [...metadata].filter(([namespace, value]) => namespace.startsWith('envoy.') && isObject(value));
  return plain.length === 0 ? {} : { metadata: { filterMetadata: Object.fromEntries(plain) as Record<string, Record<string, never>> } };
}

function commonOf(info: StreamInfo, settings: AlsSettings): AccessLogCommon {
  const { connection, upstream } = info;
  const states = settings.filterState.flatMap((key) => {
    const value = info.filterState?.get(key);
    return value === undefined ? [] : [[key, anyPack(StringValueSchema, create(StringValueSchema, { value }))] as const];
  });
  const local = parseAddress(info.upstreamLocalAddress);
  const tags = settings.tags.flatMap(({ name, text }) => {
    const value = text(info);
    return value === undefined ? [] : [[name, value] as const];
  });
  const wall = Math.floor(info.startWallMs / 1000);
  const flags = flagsOf(info);
  const tls = tlsOf(info);
  return create(AccessLogCommonSchema, {
    downstreamRemoteAddress: addressOf(info.clientAddress ?? connection.remote),
    downstreamDirectRemoteAddress: addressOf(connection.directRemote ?? connection.remote),
    downstreamLocalAddress: addressOf(connection.local),
    ...(tls !== undefined && { tlsProperties: tls }),
    startTime: { seconds: BigInt(wall), nanos: Math.round((info.startWallMs - wall * 1000) * 1e6) },
    ...(info.endMs > 0 && { duration: since(info, info.endMs), timeToLastDownstreamTxByte: since(info, info.endMs) }),
    ...(info.requestEndMs > 0 && { timeToLastRxByte: since(info, info.requestEndMs) }),
    ...(info.firstUpstreamByteMs > 0 && { timeToFirstUpstreamRxByte: since(info, info.firstUpstreamByteMs) }),
    ...(upstream !== undefined && { upstreamRemoteAddress: addressOf(upstream.address) }),
    ...(local !== undefined && { upstreamLocalAddress: addressOf(local) }),
    upstreamCluster: upstream === undefined ? '' : info.clusterName,
    upstreamTransportFailureReason: info.upstreamTransportFailure,
    upstreamRequestAttemptCount: info.attempts,
    routeName: info.routeName,
    connectionTerminationDetails: info.terminationDetails,
    downstreamTransportFailureReason: info.downstreamTransportFailure ?? '',
    ...(flags !== undefined && { responseFlags: flags }),
    ...metadataOf(info),
    filterStateObjects: Object.fromEntries(states),
    customTags: Object.fromEntries(tags),
    streamId: info.request?.headers.get('x-request-id') ?? '',
    accessLogType: TYPES.get(logTypeOf(info)) ?? AccessLogType.NotSet,
  });
}

const TYPES = new Map<string, AccessLogType>(
  Object.entries(AccessLogType).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value] as const] : [])),
);

const PROTOCOLS: Readonly<Record<string, HttpVersion>> = {
  'HTTP/1.0': HttpVersion.HTTP10,
  'HTTP/1.1': HttpVersion.HTTP11,
  'HTTP/2': HttpVersion.HTTP2,
};

const METHODS = new Map<string, RequestMethod>(
  Object.entries(RequestMethod).flatMap(([name, value]) => (typeof value === 'number' ? [[name, value] as const] : [])),
);

function chosen(headers: HeaderMap | undefined, names: readonly string[]): Record<string, string> {
  const found = names.flatMap((name) => {
    const values = headers?.getAll(name) ?? [];
    return values.length === 0 ? [] : [[name, values.join(',')] as const];
  });
  return Object.fromEntries(found);
}

function requestOf(info: StreamInfo, settings: AlsSettings) {
  const { request } = info;
  if (request === undefined) return {};
  const { method, scheme, authority, path, headers } = request;
  return {
    request: {
      requestMethod: METHODS.get(method) ?? RequestMethod.METHOD_UNSPECIFIED,
      scheme,
      authority,
      path,
      userAgent: headers.get('user-agent') ?? '',
      referer: headers.get('referer') ?? '',
      forwardedFor: headers.get('x-forwarded-for') ?? '',
      requestId: headers.get('x-request-id') ?? '',
      originalPath: headers.get('x-envoy-original-path') ?? '',
      requestBodyBytes: BigInt(info.bytesReceived),
      requestHeaders: chosen(headers, settings.requestFields),
    },
  };
}

/** The entry of a request. */
export function httpEntry(info: StreamInfo, settings: AlsSettings): HTTPAccessLogEntry {
  return create(HTTPAccessLogEntrySchema, {
    commonProperties: commonOf(info, settings),
    protocolVersion: PROTOCOLS[info.protocol ?? ''] ?? HttpVersion.PROTOCOL_UNSPECIFIED,
    ...requestOf(info, settings),
    response: {
      ...(info.responseCode > 0 && { responseCode: info.responseCode }),
      responseCodeDetails: info.responseCodeDetails,
      responseBodyBytes: BigInt(info.bytesSent),
      responseHeaders: chosen(info.response?.headers, settings.responseFields),
      responseTrailers: chosen(info.responseTrailers, settings.trailerFields),
    },
  });
}

/** The entry of a connection. */
export function tcpEntry(info: StreamInfo, settings: AlsSettings): TCPAccessLogEntry {
  return create(TCPAccessLogEntrySchema, {
    commonProperties: commonOf(info, settings),
    connectionProperties: { receivedBytes: BigInt(info.bytesReceived), sentBytes: BigInt(info.bytesSent) },
  });
}
