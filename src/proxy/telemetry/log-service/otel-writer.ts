/** Log records as OTLP has them. Source: OpenTelemetry, opentelemetry.proto.logs.v1; which fields are set, Envoy. */
import { Buffer } from 'node:buffer';
import { create, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { AnyValueSchema, KeyValueSchema } from '../../../xds/gen/opentelemetry/proto/common/v1/common_pb.ts';
import { LogRecordSchema } from '../../../xds/gen/opentelemetry/proto/logs/v1/logs_pb.ts';
import { ResourceSchema } from '../../../xds/gen/opentelemetry/proto/resource/v1/resource_pb.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import { OTLP, sendExport } from '../../tracing/collector-target.ts';
import { attribute, nanosOf } from '../../tracing/otlp-attributes.ts';
import { ProtoWriter } from '../proto-writer.ts';
import { entryBatch } from './entry-batch.ts';
import type { OtelLogSettings } from './otel.ts';
import type { LogScope, LogStats } from './settings.ts';
import type { WriteEntry } from './write-entry.ts';

const METHOD = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
/** Requests under way above which records wait. */
const MAX_REQUESTS = 8;
/** Of ScopeLogs. */
const LOG_RECORDS_FIELD = 2;

const writer = new ProtoWriter();

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
export function otelWriter(settings: OtelLogSettings, scope: LogScope, stats: LogStats): WriteEntry {
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
  const resource = toBinary(ResourceSchema, create(ResourceSchema, { attributes: [...builtin, ...own] }));
  const userAgent = `OTel-OTLP-Exporter-Tulle/${node.version ?? ''}`;
  const batch = entryBatch(settings, scope, stats, MAX_REQUESTS, (records, _, onDone) => {
    // ExportLogsServiceRequest, ResourceLogs, ScopeLogs
    const body = writer
      .clear()
      .nested(1, (ofResource) => ofResource.message(1, resource).message(2, records))
      .take();
    sendExport(settings.target, { method: METHOD, body, contentType: OTLP, userAgent }, scope, (status, __, refused) =>
      onDone(status >= 200 && status <= 299, refused),
    );
  });
  return (info) => {
    const { written } = writer.clear().message(LOG_RECORDS_FIELD, recordOf(info, settings));
    batch.add(written, written.length);
  };
}
