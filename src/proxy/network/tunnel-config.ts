/** `TcpProxy.tunneling_config`: the request by which a tunnel is asked for. */
import { ConfigError } from '../../core/errors.ts';
import { HeaderBlock } from '../../wire/http/headers.ts';
import type { TcpProxy_TunnelingConfig as Tunneling } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { MetadataSchema } from '../../xds/gen/envoy/extensions/formatter/metadata/v3/metadata_pb.ts';
import { ReqWithoutQuerySchema } from '../../xds/gen/envoy/extensions/formatter/req_without_query/v3/req_without_query_pb.ts';
import { UuidRequestIdConfigSchema } from '../../xds/gen/envoy/extensions/request_id/uuid/v3/uuid_pb.ts';
import { decodeTyped, typeNameOf } from '../config/typed-config.ts';
import type { OutgoingRequest } from '../cluster/http-upstream.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { compileHeaderChanges } from '../router/header-mutations.ts';
import { compileFormat } from '../telemetry/format.ts';

/** `tunneling_config`, read and checked. */
export interface TunnelSettings {
  /** The request of a connection. `requestId` is '' where none is asked for. */
  request(info: StreamInfo, isTls: boolean, requestId: string): OutgoingRequest;
  readonly propagatesHeaders: boolean;
  readonly propagatesTrailers: boolean;
  /** Requests get an id, kept under this key of the connection's metadata; undefined: they get none. */
  readonly requestIdKey: string | undefined;
}

const REQUEST_ID_HEADER = 'x-request-id';
const REQUEST_ID_KEY = 'tunnel_request_id';
const FORMATTERS: ReadonlySet<string> = new Set([ReqWithoutQuerySchema.typeName, MetadataSchema.typeName]);

function checkFormatters({ formatters }: Tunneling, path: string): void {
  formatters.forEach(({ name, typedConfig }, i) => {
    if (typedConfig === undefined || !FORMATTERS.has(typeNameOf(typedConfig)))
      throw new ConfigError(`${path}.formatters[${i}]`, `${name} is not supported by Tulle`);
  });
}

function readRequestId({ requestIdExtension, requestIdMetadataKey }: Tunneling, path: string): string | undefined {
  if (requestIdExtension === undefined) return undefined;
  const at = `${path}.request_id_extension.typed_config`;
  if (requestIdExtension.typedConfig !== undefined) decodeTyped(requestIdExtension.typedConfig, UuidRequestIdConfigSchema, at);
  return requestIdMetadataKey === '' ? REQUEST_ID_KEY : requestIdMetadataKey;
}

/** Reads `tunneling_config`; `path` is its own. */
export function readTunneling(config: Tunneling, path: string): TunnelSettings {
  if (config.hostname === '') throw new ConfigError(`${path}.hostname`, 'is empty');
  if (config.postPath !== '' && !config.usePost) throw new ConfigError(`${path}.post_path`, 'is for use_post');
  checkFormatters(config, path);
  const hostname = compileFormat(config.hostname, `${path}.hostname`, { missing: '' });
  const changes = compileHeaderChanges(config.headersToAdd, `${path}.headers_to_add`);
  const requestIdHeader = config.requestIdHeader === '' ? REQUEST_ID_HEADER : config.requestIdHeader.toLowerCase();
  const method = config.usePost ? 'POST' : 'CONNECT';
  const postPath = config.postPath === '' ? '/' : config.postPath;
  return {
    request(info, isTls, requestId) {
      const headers = new HeaderBlock();
      if (requestId !== '') headers.set(requestIdHeader, requestId);
      for (const change of changes) change(headers, info);
      const authority = hostname(info);
      if (method === 'CONNECT') return { method, authority, path: '', scheme: '', contentLength: -1, headers };
      return { method, authority, path: postPath, scheme: isTls ? 'https' : 'http', contentLength: -1, headers };
    },
    propagatesHeaders: config.propagateResponseHeaders,
    propagatesTrailers: config.propagateResponseTrailers,
    requestIdKey: readRequestId(config, path),
  };
}
