/** Where a collector is, and how it is asked: `GrpcService` and `HttpService` of Envoy's, as tracers and access loggers have them. */
import { hostname } from 'node:os';
import { ConfigError } from '../../core/errors.ts';
import { HeaderBlock } from '../../wire/http/headers.ts';
import type { GrpcService } from '../../xds/gen/envoy/config/core/v3/grpc_service_pb.ts';
import { HeaderValueOption_HeaderAppendAction as Action } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { HttpService } from '../../xds/gen/envoy/config/core/v3/http_service_pb.ts';
import { durationMs } from '../config/durations.ts';
import { callUnary, frameMessage } from '../router/grpc-unary.ts';
import { openAside, sendAside, type SideResult, type SideScope, type SideStream } from '../router/side-request.ts';
import { parseFormat } from '../telemetry/format.ts';
import { refusedCount } from './partial-success.ts';

/** A collector that is called by gRPC. */
export interface GrpcTarget {
  readonly kind: 'grpc';
  readonly cluster: string;
  readonly authority: string;
  readonly timeoutMs: number;
  readonly metadata: readonly (readonly [name: string, value: string])[];
}

/** A collector that gets requests of HTTP. */
export interface HttpTarget {
  readonly kind: 'http';
  readonly cluster: string;
  readonly authority: string;
  readonly path: string;
  readonly timeoutMs: number;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** How long a collector may take where nothing is said: its requests must not pile up. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** Text that is about no request: as it is written, with the environment's variables in it. */
function constant(format: string, path: string): string {
  return parseFormat(format, path)
    .map((part) => {
      if (typeof part === 'string') return part;
      if (part.name === 'ENVIRONMENT') return process.env[part.argument] ?? '';
      if (part.name === 'HOSTNAME') return hostname();
      throw new ConfigError(path, `%${part.name}% is about a request, of which there is none here`);
    })
    .join('');
}

/** Reads a `grpc_service` at `path`. */
export function readGrpcTarget(service: GrpcService | undefined, path: string): GrpcTarget {
  const target = service?.targetSpecifier;
  if (service === undefined || target?.case !== 'envoyGrpc') throw new ConfigError(path, 'only envoy_grpc is supported by Tulle');
  const { clusterName, authority } = target.value;
  if (clusterName === '') throw new ConfigError(`${path}.envoy_grpc.cluster_name`, 'is empty');
  return {
    kind: 'grpc',
    cluster: clusterName,
    authority: authority === '' ? clusterName : authority,
    timeoutMs: durationMs(service.timeout, DEFAULT_TIMEOUT_MS) || DEFAULT_TIMEOUT_MS,
    metadata: service.initialMetadata.map(
      ({ key, value }, i) => [key.toLowerCase(), constant(value, `${path}.initial_metadata[${i}].value`)] as const,
    ),
  };
}

/** Host and path of `[scheme://]host[/path]`, as Envoy splits it. */
function splitUri(uri: string): { readonly host: string; readonly path: string } {
  const start = uri.indexOf('://') === -1 ? 0 : uri.indexOf('://') + 3;
  const slash = uri.indexOf('/', start);
  return slash === -1 ? { host: uri.slice(start), path: '/' } : { host: uri.slice(start, slash), path: uri.slice(slash) };
}

/** Reads an `http_service` at `path`. */
export function readHttpTarget(service: HttpService, path: string): HttpTarget {
  const { httpUri } = service;
  const cluster = httpUri?.httpUpstreamType.case === 'cluster' ? httpUri.httpUpstreamType.value : '';
  if (httpUri === undefined || cluster === '') throw new ConfigError(`${path}.http_uri.cluster`, 'is empty');
  const { host, path: target } = splitUri(httpUri.uri);
  return {
    kind: 'http',
    cluster,
    authority: host === '' ? cluster : host,
    path: target,
    timeoutMs: durationMs(httpUri.timeout, DEFAULT_TIMEOUT_MS) || DEFAULT_TIMEOUT_MS,
    fields: service.requestHeadersToAdd.map(({ header, appendAction }, i) => {
      const at = `${path}.request_headers_to_add[${i}]`;
      if (header === undefined || header.key === '') throw new ConfigError(`${at}.header.key`, 'is empty');
      if (appendAction === Action.OVERWRITE_IF_EXISTS) throw new ConfigError(`${at}.append_action`, 'there is nothing to overwrite');
      return [header.key.toLowerCase(), constant(header.value, `${at}.header.value`)] as const;
    }),
  };
}

/** Reads whichever of `grpc_service` and `http_service` a message at `path` has; without either it wants the first. */
export function readTarget(
  { grpcService, httpService }: { readonly grpcService?: GrpcService | undefined; readonly httpService?: HttpService | undefined },
  path: string,
): GrpcTarget | HttpTarget {
  return httpService === undefined
    ? readGrpcTarget(grpcService, `${path}.grpc_service`)
    : readHttpTarget(httpService, `${path}.http_service`);
}

/** The type of OTLP's bodies. */
export const OTLP = 'application/x-protobuf';

/** What a collector is sent. */
export interface Export {
  /** `/package.Service/Method`, of gRPC. */
  readonly method: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly userAgent: string;
}

/**
 * How it went: an HTTP status (gRPC that went well is 200), or 0 without an answer, and why; `refused` is what a collector
 * of OTLP says it has refused of what it took.
 */
export type OnExported = (status: number, reason: string, refused: number) => void;

/** Bytes of an answer, of which little is used. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Sends to a collector; `onExported` is called once, never during the call. */
export function sendExport(target: GrpcTarget | HttpTarget, data: Export, scope: SideScope, onExported: OnExported): void {
  if (target.kind === 'grpc') {
    const metadata = [['user-agent', data.userAgent] as const, ...target.metadata];
    const { cluster, authority, timeoutMs } = target;
    callUnary({ cluster, authority, path: data.method, metadata, message: data.body, timeoutMs }, scope, (result) =>
      result.kind === 'message' ? onExported(200, '', refusedCount(result.bytes)) : onExported(0, result.reason, 0),
    );
    return;
  }
  const headers = new HeaderBlock();
  headers.set('content-type', data.contentType);
  if (data.userAgent !== '') headers.set('user-agent', data.userAgent);
  for (const [name, value] of target.fields) headers.set(name, value);
  const request = {
    method: 'POST',
    path: target.path,
    authority: target.authority,
    scheme: 'http',
    headers,
    body: [data.body],
    timeoutMs: target.timeoutMs,
    maxBodyBytes: MAX_ANSWER_BYTES,
  };
  const isOtlp = data.contentType === OTLP;
  sendAside(target.cluster, request, scope, (result) => {
    if (result.kind === 'answer') onExported(result.status, '', isOtlp ? refusedCount(result.body) : 0);
    else onExported(0, result.reason, 0);
  });
}

/** What a stream of gRPC begins with. */
function streamHead({ metadata, authority, timeoutMs }: GrpcTarget, method: string): Parameters<typeof openAside>[1] {
  const headers = new HeaderBlock();
  headers.add('te', 'trailers');
  headers.add('content-type', 'application/grpc');
  for (const [name, value] of metadata) headers.set(name, value);
  return { method: 'POST', path: method, authority, scheme: 'http', headers, timeoutMs, maxBodyBytes: MAX_ANSWER_BYTES };
}

/** Whether a stream of gRPC has ended well. */
function isTaken(result: SideResult): boolean {
  return result.kind === 'answer' && (result.trailers?.get('grpc-status') ?? result.headers.get('grpc-status')) === '0';
}

/** Sends one message of a stream of gRPC, and ends the stream; what is answered has no meaning but its status. */
export function sendStream(
  target: GrpcTarget,
  method: string,
  message: Uint8Array,
  scope: SideScope,
  onDone: (isTaken: boolean) => void,
): void {
  const request = { ...streamHead(target, method), body: [frameMessage(message)] };
  sendAside(target.cluster, request, scope, (result) => onDone(isTaken(result)));
}

/** Opens a stream of gRPC, which is sent messages behind their prefixes; `onDone` is called when it is over, whoever has ended it. */
export function openStream(target: GrpcTarget, method: string, scope: SideScope, onDone: (isTaken: boolean) => void): SideStream {
  return openAside(target.cluster, streamHead(target, method), scope, (result) => onDone(isTaken(result)));
}
