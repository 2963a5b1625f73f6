/** Access loggers that send to a service: what their configurations have in common. Source: Envoy, CommonGrpcAccessLogConfig. */
import { ConfigError } from '../../../core/errors.ts';
import type { Clock } from '../../../core/clock.ts';
import type { CommonGrpcAccessLogConfig } from '../../../xds/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import { ApiVersion } from '../../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import type { ClusterManager } from '../../cluster/cluster.ts';
import { durationMs } from '../../config/durations.ts';
import type { FlowTeller } from '../../flows/flow-teller.ts';
import type { LocalNode } from '../../http/filter.ts';
import { type GrpcTarget, readGrpcTarget } from '../../tracing/collector-target.ts';
import { compileTags, type TagSource } from '../../tracing/custom-tags.ts';
import type { Counter, StatsScope } from '../stats.ts';

/** What access loggers use of the proxy. */
export interface LogScope {
  readonly stats: StatsScope;
  readonly clusters: ClusterManager;
  readonly clock: Clock;
  readonly node: LocalNode;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  readonly listenerMetadata: Readonly<Record<string, unknown>>;
  readonly flows?: FlowTeller | undefined;
}

export interface CommonSettings {
  readonly logName: string;
  readonly target: GrpcTarget;
  readonly flushIntervalMs: number;
  readonly bufferBytes: number;
  readonly filterState: readonly string[];
  readonly tags: readonly TagSource[];
}

const FLUSH_INTERVAL_MS = 1000;
const BUFFER_BYTES = 16_384;

/** Where batches are flushed by, for what says nothing of it. */
export const DEFAULT_BATCH = { flushIntervalMs: FLUSH_INTERVAL_MS, bufferBytes: BUFFER_BYTES } as const;

/** What is counted of a logger's entries: those that the service took, and those that it never got. */
export interface LogStats {
  readonly taken: Counter;
  readonly dropped: Counter;
}

/** Envoy's counters, at `name`. */
export function logStats(scope: LogScope, name: string): LogStats {
  const stats = scope.stats.scope(name);
  return { taken: stats.counter('logs_written'), dropped: stats.counter('logs_dropped') };
}

/** Reads a `common_config` at `path`. */
export function readCommon(config: CommonGrpcAccessLogConfig | undefined, path: string): CommonSettings {
  if (config === undefined) throw new ConfigError(path, 'is missing');
  if (config.logName === '') throw new ConfigError(`${path}.log_name`, 'is empty');
  if (config.transportApiVersion === ApiVersion.V2) throw new ConfigError(`${path}.transport_api_version`, 'is V2, which is no more');
  return {
    logName: config.logName,
    target: readGrpcTarget(config.grpcService, `${path}.grpc_service`),
    flushIntervalMs: durationMs(config.bufferFlushInterval, FLUSH_INTERVAL_MS),
    bufferBytes: config.bufferSizeBytes ?? BUFFER_BYTES,
    filterState: config.filterStateObjectsToLog,
    tags: compileTags(config.customTags, `${path}.custom_tags`),
  };
}
