import { ConfigError } from '../../core/errors.ts';
import type { Cluster as ClusterProto } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { HttpProtocolOptions as CommonOptions } from '../../xds/gen/envoy/config/core/v3/protocol_pb.ts';
import {
  type HttpProtocolOptions,
  HttpProtocolOptionsSchema,
} from '../../xds/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { durationMs } from '../config/durations.ts';
import { decodeTyped } from '../config/typed-config.ts';
import type { Cluster } from './cluster.ts';

/** What a cluster's HTTP connections do. */
export type HttpSettings = Pick<Cluster, 'upstreamProtocol' | 'maxRequestsPerConnection' | 'idleTimeoutMs' | 'maxConnectionDurationMs'> & {
  /** True: where no SNI is configured it is the host's name. */
  readonly usesHostAsSni: boolean;
  /** True: the certificate must be for the SNI. */
  readonly checksSni: boolean;
};

const EXTENSION = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
/** Envoy closes upstream connections that were idle for an hour where nothing else is said. */
const IDLE_MS = 3_600_000;

function protocolOf(options: HttpProtocolOptions, path: string): Cluster['upstreamProtocol'] {
  const { case: kind, value } = options.upstreamProtocolOptions;
  if (kind === 'useDownstreamProtocolConfig') return 'client';
  if (kind !== 'explicitHttpConfig') return 'http1';
  const protocol = value.protocolConfig.case;
  if (protocol === 'http2ProtocolOptions')
    throw new ConfigError(`${path}.explicit_http_config.http2_protocol_options`, 'HTTP/2 upstream is not supported');
  if (protocol === 'http3ProtocolOptions')
    throw new ConfigError(`${path}.explicit_http_config.http3_protocol_options`, 'HTTP/3 upstream is not supported');
  return 'http1';
}

/** Reads the HTTP settings of a cluster, from `typed_extension_protocol_options` or the older fields beside it. */
export function readHttpSettings(config: ClusterProto, path: string): HttpSettings {
  const any = config.typedExtensionProtocolOptions[EXTENSION];
  const unknown = Object.keys(config.typedExtensionProtocolOptions).find((key) => key !== EXTENSION);
  if (unknown !== undefined) throw new ConfigError(`${path}.typed_extension_protocol_options[${unknown}]`, 'is not supported');
  const at = `${path}.typed_extension_protocol_options[${EXTENSION}]`;
  const options = any === undefined ? undefined : decodeTyped(any, HttpProtocolOptionsSchema, at);
  const common: CommonOptions | undefined = options?.commonHttpProtocolOptions ?? config.commonHttpProtocolOptions;
  return {
    upstreamProtocol: options === undefined ? 'http1' : protocolOf(options, at),
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? config.maxRequestsPerConnection ?? 0,
    idleTimeoutMs: durationMs(common?.idleTimeout, IDLE_MS),
    maxConnectionDurationMs: durationMs(common?.maxConnectionDuration, 0),
    usesHostAsSni: options?.upstreamHttpProtocolOptions?.autoSni ?? false,
    checksSni: options?.upstreamHttpProtocolOptions?.autoSanValidation ?? false,
  };
}
