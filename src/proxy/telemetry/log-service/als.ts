/** The access loggers `envoy.access_loggers.http_grpc` and `tcp_grpc`. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { FLOW_LOG } from '../../../core/flow-log.ts';
import {
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from '../../../xds/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import { decodeTyped } from '../../config/typed-config.ts';
import { lazyWriter } from '../lazy-writer.ts';
import { unsentOf } from '../unsent.ts';
import { type CommonSettings, type LogScope, logStats, readCommon } from './settings.ts';
import type { WriteEntry } from './write-entry.ts';

export interface AlsSettings extends CommonSettings {
  readonly kind: 'http' | 'tcp';
  readonly requestFields: readonly string[];
  readonly responseFields: readonly string[];
  readonly trailerFields: readonly string[];
}

const lower = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase());

/** Flow records go to the server of ADS, which is no cluster of the traffic's. */
function start(settings: AlsSettings, scope: LogScope): WriteEntry {
  const { flows } = scope;
  if (settings.logName === FLOW_LOG && flows?.cluster === settings.target.cluster) return flows.logger(settings);
  const stats = logStats(scope, 'access_logs.grpc_access_log');
  return lazyWriter(async () => (await import('./als-writer.ts')).alsWriter(settings, scope, stats), {
    onLost: () => stats.dropped.value++,
    unsent: unsentOf(scope.clusters),
  });
}

/** Prepares the logger of requests. */
export function httpAls(any: Any | undefined, path: string, scope: LogScope): WriteEntry {
  const config = decodeTyped(any, HttpGrpcAccessLogConfigSchema, path);
  return start(
    {
      ...readCommon(config.commonConfig, `${path}.common_config`),
      kind: 'http',
      requestFields: lower(config.additionalRequestHeadersToLog),
      responseFields: lower(config.additionalResponseHeadersToLog),
      trailerFields: lower(config.additionalResponseTrailersToLog),
    },
    scope,
  );
}

/** Prepares the logger of connections. */
export function tcpAls(any: Any | undefined, path: string, scope: LogScope): WriteEntry {
  const config = decodeTyped(any, TcpGrpcAccessLogConfigSchema, path);
  const common = readCommon(config.commonConfig, `${path}.common_config`);
  return start({ ...common, kind: 'tcp', requestFields: [], responseFields: [], trailerFields: [] }, scope);
}
