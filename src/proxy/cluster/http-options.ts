/** What a cluster's HTTP connections do: HttpProtocolOptions, and the older fields that it took the place of. */
import { ConfigError } from '../../core/errors.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import { DEFAULT_HEAD_LIMITS, type HeadLimits } from '../../wire/http1/fields.ts';
import {
  type Cluster as ClusterProto,
  Cluster_ClusterProtocolSelection as Selection,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type {
  Http1ProtocolOptions,
  Http2ProtocolOptions,
  HttpProtocolOptions as CommonOptions,
} from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import {
  type HttpProtocolOptions,
  HttpProtocolOptionsSchema,
} from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { durationMs } from '../config/durations.ts';
import { decodeTyped } from '../config/typed-config.ts';
import { type Http2Settings, readHttp2Options } from '../http/http2-options.ts';
import { serverNameReader } from './server-name.ts';

/** What HTTP/1.1 connections to a cluster's hosts do. */
export interface Http1Settings extends HeadLimits {
  /** `enable_trailers`: trailers go both ways; otherwise they end here. */
  readonly passesTrailers: boolean;
}

/** What a cluster's HTTP connections do. Durations are milliseconds, 0 for no limit. */
export interface HttpSettings {
  /** What to speak: one version, what ALPN chooses (HTTP/1.1 without TLS), or what the client spoke. */
  readonly upstreamProtocol: 'http1' | 'http2' | 'auto' | 'client';
  readonly http1: Http1Settings;
  readonly http2: Http2Settings;
  readonly maxRequestsPerConnection: number;
  readonly idleTimeoutMs: number;
  readonly maxConnectionDurationMs: number;
  /** For one request, from its first byte to its response's last. */
  readonly maxStreamDurationMs: number;
  /** `auto_sni`: takes the server name for a request's connection from it; undefined where no name depends on it. */
  readonly serverNameOf: ((request: RequestHead) => string) | undefined;
  /** `auto_san_validation`: the certificate must be for the server name that was sent. */
  readonly checksSni: boolean;
}

const EXTENSION = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
/** Envoy closes upstream connections that were idle for an hour where nothing else is said. */
const IDLE_MS = 3_600_000;

/** Where the options of each version are, and which of them is spoken. */
interface Versions {
  readonly protocol: HttpSettings['upstreamProtocol'];
  readonly http1: Http1ProtocolOptions | undefined;
  readonly http2: Http2ProtocolOptions | undefined;
  readonly path: string;
}

function explicitVersions(options: HttpProtocolOptions, path: string): Versions {
  const { case: kind, value } = options.upstreamProtocolOptions;
  switch (kind) {
    case 'useDownstreamProtocolConfig':
      if (value.http3ProtocolOptions !== undefined)
        throw new ConfigError(`${path}.use_downstream_protocol_config.http3_protocol_options`, 'HTTP/3 upstream is not supported');
      return {
        protocol: 'client',
        http1: value.httpProtocolOptions,
        http2: value.http2ProtocolOptions,
        path: `${path}.use_downstream_protocol_config`,
      };
    case 'autoConfig':
      if (value.http3ProtocolOptions !== undefined)
        throw new ConfigError(`${path}.auto_config.http3_protocol_options`, 'HTTP/3 upstream is not supported');
      return { protocol: 'auto', http1: value.httpProtocolOptions, http2: value.http2ProtocolOptions, path: `${path}.auto_config` };
    case 'explicitHttpConfig': {
      const at = `${path}.explicit_http_config`;
      const { case: protocol, value: config } = value.protocolConfig;
      if (protocol === 'http3ProtocolOptions') throw new ConfigError(`${at}.http3_protocol_options`, 'HTTP/3 upstream is not supported');
      if (protocol === 'http2ProtocolOptions') return { protocol: 'http2', http1: undefined, http2: config, path: at };
      return { protocol: 'http1', http1: config, http2: undefined, path: at };
    }
    default:
      return { protocol: 'http1', http1: undefined, http2: undefined, path };
  }
}

/** The fields of clusters before HttpProtocolOptions: where `http2_protocol_options` is set, HTTP/2 is spoken. */
function oldVersions(config: ClusterProto, path: string): Versions {
  const { httpProtocolOptions: http1, http2ProtocolOptions: http2 } = config;
  const isClients = config.protocolSelection === Selection.USE_DOWNSTREAM_PROTOCOL;
  return { protocol: isClients ? 'client' : http2 === undefined ? 'http1' : 'http2', http1, http2, path };
}

/** Reads the HTTP settings of a cluster, from `typed_extension_protocol_options` or the older fields beside it. */
export function readHttpSettings(config: ClusterProto, path: string): HttpSettings {
  const any = config.typedExtensionProtocolOptions[EXTENSION];
  const unknown = Object.keys(config.typedExtensionProtocolOptions).find((key) => key !== EXTENSION);
  if (unknown !== undefined) throw new ConfigError(`${path}.typed_extension_protocol_options[${unknown}]`, 'is not supported');
  const at = `${path}.typed_extension_protocol_options[${EXTENSION}]`;
  const options = any === undefined ? undefined : decodeTyped(any, HttpProtocolOptionsSchema, at);
  if (options !== undefined && options.httpFilters.length > 0)
    throw new ConfigError(`${at}.http_filters`, 'HTTP filters of clusters are not supported by Tulle');
  const common: CommonOptions | undefined = options?.commonHttpProtocolOptions ?? config.commonHttpProtocolOptions;
  const names = options === undefined ? config.upstreamHttpProtocolOptions : options.upstreamHttpProtocolOptions;
  const versions = options === undefined ? oldVersions(config, path) : explicitVersions(options, at);
  const limits = { ...DEFAULT_HEAD_LIMITS, maxHeaders: common?.maxHeadersCount ?? DEFAULT_HEAD_LIMITS.maxHeaders };
  return {
    upstreamProtocol: versions.protocol,
    http1: { ...limits, passesTrailers: versions.http1?.enableTrailers ?? false },
    http2: readHttp2Options(versions.http2, limits, `${versions.path}.http2_protocol_options`),
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? config.maxRequestsPerConnection ?? 0,
    idleTimeoutMs: durationMs(common?.idleTimeout, IDLE_MS),
    maxConnectionDurationMs: durationMs(common?.maxConnectionDuration, 0),
    maxStreamDurationMs: durationMs(common?.maxStreamDuration, 0),
    serverNameOf: serverNameReader(names, `${options === undefined ? path : at}.upstream_http_protocol_options`),
    checksSni: names?.autoSanValidation ?? false,
  };
}
