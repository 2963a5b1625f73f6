/** Log records as OTLP has them. Source: OpenTelemetry, opentelemetry.proto.logs.v1; which fields are set, Envoy. */
import { Buffer } from 'node:buffer';
import { create, fromBinary, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { ExportLogsServiceRequestSchema } from '../../../xds/gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts';
import { AnyValueSchema, KeyValueSchema } from '../../../xds/gen/opentelemetry/proto/common/v1/common_pb.ts';
import { LogRecordSchema } from '../../../xds/gen/opentelemetry/proto/logs/v1/logs_pb.ts';
import { ResourceSchema } from '../../../xds/gen/opentelemetry/proto/resource/v1/resource_pb.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import { OTLP, sendExport } from '../../tracing/collector-target.ts';
import { attribute, nanosOf } from '../../tracing/otlp-attributes.ts';
import { batchEntries } from './entry-batch.ts';
import type { WriteEntry } from './lazy-logger.ts';
import type { OtelLogSettings } from './otel.ts';
import type { LogScope } from './settings.ts';

const METHOD = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';

const plain = (value: object): JsonObject => ({ ...value });

function recordOf(info: StreamInfo, settings: OtelLogSettings): Uint8Array {
  const trace = info.trace;
  const keyed = settings.attributes.map(({ key, value }) =>
    create(KeyValueSchema, { key, value: fromJson(AnyValueSchema, plain(value(info))) }),
  );
  const tags = settings.tags.flatMap(({ name, text }) => {
    const value = text(info);
    return value === undefined ? [] : [attribute(name, value)];
  });
  const states = settings.filterState.flatMap((key) => {
    const value = info.filterState?.get(key);
    return value === undefined ? [] : [attribute(key, value)];
  });
  const record = create(LogRecordSchema, {
    timeUnixNano: nanosOf(info.startWallMs),
    ...(settings.body !== undefined && { body: fromJson(AnyValueSchema, plain(settings.body(info))) }),
    attributes: [...keyed, ...states, ...tags],
    ...(trace !== undefined && { traceId: Buffer.from(trace.traceId.padStart(32, '0'), 'hex'), spanId: Buffer.from(trace.spanId, 'hex') }),
  });
  return toBinary(LogRecordSchema, record);
}

/** Writes records to a collector. */
export function otelWriter(settings: OtelLogSettings, scope: LogScope): WriteEntry {
  const { node } = scope;
  const builtin = settings.hasBuiltinLabels
    ? [
        attribute('log_name', settings.logName),
        attribute('zone_name', node.zone ?? ''),
        attribute('cluster_name', node.cluster),
        attribute('node_name', node.id),
      ]
    : [];
  const own = settings.resource.map(({ key, value }) => create(KeyValueSchema, { key, value: fromJson(AnyValueSchema, plain(value)) }));
  const resource = create(ResourceSchema, { attributes: [...builtin, ...own] });
  const name = ['access_logs.open_telemetry_access_log', settings.statPrefix].filter((part) => part !== '').join('.');
  const write = batchEntries(settings, name, scope, (entries, onDone) => {
    const logRecords = entries.map((entry) => fromBinary(LogRecordSchema, entry));
    const request = create(ExportLogsServiceRequestSchema, { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
    const body = toBinary(ExportLogsServiceRequestSchema, request);
    const userAgent = `OTel-OTLP-Exporter-Tulle/${node.version ?? ''}`;
    sendExport(settings.target, { method: METHOD, body, contentType: OTLP, userAgent }, scope, (status, _, refused) =>
      onDone(status >= 200 && status <= 299, refused),
    );
  });
  return (info) => write(recordOf(info, settings));
}
