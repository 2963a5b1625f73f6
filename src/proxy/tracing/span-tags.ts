/** What spans tell of a request and of its attempts: Envoy's tags, under Envoy's names. Source: Envoy, "Tracing", what data each trace contains. */
import { GRPC_FAULTS, isGrpcType } from '../../core/grpc-status.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { textOf } from '../telemetry/byte-text.ts';
import { formatFlags } from '../telemetry/format-connection.ts';
import type { HeaderMap } from '../../wire/http/message.ts';

export type Tags = Map<string, string>;

function textIn(headers: HeaderMap, name: string): string | undefined {
  const bytes = headers.get(name);
  return bytes === undefined ? undefined : textOf(bytes);
}

function urlOf({ request }: StreamInfo, maxPathChars: number): string {
  if (request === undefined) return '';
  const path = request.headers.get('x-envoy-original-path') ?? request.path;
  const scheme = request.headers.get('x-forwarded-proto') ?? '';
  return textOf(`${scheme}://${request.authority}${path.slice(0, maxPathChars)}`);
}

function requestTags(tags: Tags, info: StreamInfo, maxPathChars: number): void {
  const { request, connection, protocol } = info;
  if (request === undefined) return;
  const { headers } = request;
  const id = textIn(headers, 'x-request-id');
  if (id !== undefined) tags.set('guid:x-request-id', id);
  tags.set('http.url', urlOf(info, maxPathChars));
  tags.set('http.method', request.method);
  tags.set('downstream_cluster', textIn(headers, 'x-envoy-downstream-service-cluster') ?? '-');
  tags.set('user_agent', textIn(headers, 'user-agent') ?? '-');
  tags.set('http.protocol', protocol ?? '-');
  tags.set('peer.address', (connection.directRemote ?? connection.remote).host);
  const client = textIn(headers, 'x-client-trace-id');
  if (client !== undefined) tags.set('guid:x-client-trace-id', client);
  const type = textIn(headers, 'content-type') ?? '';
  if (!isGrpcType(type)) return;
  tags.set('grpc.path', textOf(request.path));
  tags.set('grpc.authority', textOf(request.authority));
  tags.set('grpc.content_type', type);
  const timeout = textIn(headers, 'grpc-timeout');
  if (timeout !== undefined) tags.set('grpc.timeout', timeout);
}

/** gRPC's outcome of a head or of trailers. */
export function grpcTags(tags: Tags, headers: HeaderMap | undefined): void {
  const status = headers && textIn(headers, 'grpc-status');
  if (headers === undefined || status === undefined) return;
  tags.set('grpc.status_code', status);
  const message = textIn(headers, 'grpc-message');
  if (message !== undefined) tags.set('grpc.message', message);
  if (GRPC_FAULTS.has(Number(status))) tags.set('error', 'true');
}

/** Tags of both kinds of spans. `status` 0: none. */
export function commonTags(tags: Tags, clusterName: string, status: number, flags: number): void {
  tags.set('component', 'proxy');
  if (clusterName !== '') {
    tags.set('upstream_cluster', clusterName);
    tags.set('upstream_cluster.name', clusterName);
  }
  tags.set('http.status_code', String(status));
  tags.set('response_flags', formatFlags(flags, 0) || '-');
  if (status === 0 || status >= 500) tags.set('error', 'true');
}

/** Tags of the span of a whole request, which is over. */
export function finishTags(tags: Tags, info: StreamInfo, maxPathChars: number): void {
  requestTags(tags, info, maxPathChars);
  tags.set('request_size', String(info.bytesReceived));
  tags.set('response_size', String(info.bytesSent));
  commonTags(tags, info.cluster?.name ?? '', info.responseCode, info.flags);
  grpcTags(tags, info.response?.headers);
  grpcTags(tags, info.responseTrailers);
}
