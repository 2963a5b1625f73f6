/** The access logger `envoy.access_loggers.open_telemetry`: one log record a stream, whose texts are formats. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { ConfigError } from '../../../core/errors.ts';
import {
  type OpenTelemetryAccessLogConfig,
  OpenTelemetryAccessLogConfigSchema,
} from '../../../xds/gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.ts';
import type { AnyValue, KeyValueList } from '../../../xds/gen/opentelemetry/proto/common/v1/common_pb.ts';
import { durationMs } from '../../config/durations.ts';
import { decodeTyped } from '../../config/typed-config.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import { type GrpcTarget, type HttpTarget, readTarget } from '../../tracing/collector-target.ts';
import { compileTags, type TagSource } from '../../tracing/custom-tags.ts';
import { compileFormat } from '../format.ts';
import { lazyWriter } from '../lazy-writer.ts';
import { unsentOf } from '../unsent.ts';
import { DEFAULT_BATCH, type LogScope, logStats, readCommon } from './settings.ts';
import type { WriteEntry } from './write-entry.ts';

/** A value of OTLP for a stream, as JSON of protobuf. */
type Value = (info: StreamInfo) => object;

export interface OtelLogSettings {
  readonly target: GrpcTarget | HttpTarget;
  readonly logName: string;
  readonly flushIntervalMs: number;
  readonly bufferBytes: number;
  readonly filterState: readonly string[];
  readonly tags: readonly TagSource[];
  readonly body: Value | undefined;
  readonly attributes: readonly { readonly key: string; readonly value: Value }[];
  readonly resource: readonly { readonly key: string; readonly value: object }[];
  /** Who sends stands in the resource. */
  readonly hasBuiltinLabels: boolean;
  readonly statPrefix: string;
}

function compileValue(value: AnyValue | undefined, path: string): Value {
  const kind = value?.value;
  switch (kind?.case) {
    case 'stringValue': {
      const write = compileFormat(kind.value, `${path}.string_value`, { decodesFields: true });
      return (info) => ({ stringValue: write(info) });
    }
    case 'kvlistValue': {
      const values = compileList(kind.value, `${path}.kvlist_value`);
      return (info) => ({ kvlistValue: { values: values.map(({ key, value: own }) => ({ key, value: own(info) })) } });
    }
    case 'arrayValue': {
      const items = kind.value.values.map((item, i) => compileValue(item, `${path}.array_value.values[${i}]`));
      return (info) => ({ arrayValue: { values: items.map((item) => item(info)) } });
    }
    default:
      throw new ConfigError(path, `only strings, lists and key-value lists are formats, not ${kind?.case ?? 'nothing'}`);
  }
}

function compileList(list: KeyValueList | undefined, path: string): { key: string; value: Value }[] {
  return (list?.values ?? []).map(({ key, value }, i) => ({ key, value: compileValue(value, `${path}.values[${i}].value`) }));
}

function constant(list: KeyValueList | undefined, path: string): { key: string; value: object }[] {
  return (list?.values ?? []).map(({ key, value }, i) => {
    if (value?.value.case !== 'stringValue') throw new ConfigError(`${path}.values[${i}].value`, 'is not a string_value');
    return { key, value: { stringValue: value.value.value } };
  });
}

function targetOf(
  config: OpenTelemetryAccessLogConfig,
  path: string,
): Pick<OtelLogSettings, 'target' | 'logName' | 'flushIntervalMs' | 'bufferBytes' | 'filterState'> {
  if (config.commonConfig !== undefined) return readCommon(config.commonConfig, `${path}.common_config`);
  return {
    target: readTarget(config, path),
    logName: config.logName,
    flushIntervalMs: durationMs(config.bufferFlushInterval, DEFAULT_BATCH.flushIntervalMs),
    bufferBytes: config.bufferSizeBytes ?? DEFAULT_BATCH.bufferBytes,
    filterState: config.filterStateObjectsToLog,
  };
}

/** Prepares the logger. */
export function otelLogger(any: Any | undefined, path: string, scope: LogScope): WriteEntry {
  const config = decodeTyped(any, OpenTelemetryAccessLogConfigSchema, path);
  const settings: OtelLogSettings = {
    ...targetOf(config, path),
    // those of common_config are not for log records, in Envoy neither
    tags: compileTags(config.customTags, `${path}.custom_tags`),
    body: config.body && compileValue(config.body, `${path}.body`),
    attributes: compileList(config.attributes, `${path}.attributes`),
    resource: constant(config.resourceAttributes, `${path}.resource_attributes`),
    hasBuiltinLabels: !config.disableBuiltinLabels,
    statPrefix: config.statPrefix,
  };
  const name = ['access_logs.open_telemetry_access_log', settings.statPrefix].filter((part) => part !== '').join('.');
  const stats = logStats(scope, name);
  return lazyWriter(async () => (await import('./otel-writer.ts')).otelWriter(settings, scope, stats), {
    onLost: () => stats.dropped.value++,
    unsent: unsentOf(scope.clusters),
  });
}
