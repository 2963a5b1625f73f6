/** Spans as OTLP has them. Source: OpenTelemetry, opentelemetry.proto.trace.v1; what a status is, semantic conventions for HTTP spans. */
import { Buffer } from 'node:buffer';
import { create, toBinary } from '@bufbuild/protobuf';
import { GRPC_FAULTS } from '../../core/grpc-status.ts';
import { ExportTraceServiceRequestSchema } from '../../xds/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.ts';
import { ResourceSchema } from '../../xds/gen/opentelemetry/proto/resource/v1/resource_pb.ts';
import {
  type Span as OtlpSpan,
  Span_SpanKind as Kind,
  SpanSchema,
  Status_StatusCode as StatusCode,
} from '../../xds/gen/opentelemetry/proto/trace/v1/trace_pb.ts';
import { sendExport } from './collector-target.ts';
import { attribute, nanosOf } from './otlp-attributes.ts';
import type { OtlpSource } from './opentelemetry.ts';
import type { Span } from './span.ts';
import type { SendSpans } from './span-batch.ts';
import type { TracerScope } from './tracer-kinds.ts';

const METHOD = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
/** Bits of a span's flags: W3C's own below, then whether it is known that the parent is of another process, and whether it is. */
const SAMPLED = 0x1;
const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;

function isError({ kind, tags }: Span): boolean {
  const status = Number(tags.get('http.status_code') ?? '0');
  return status >= 500 || (kind === 'client' && status >= 400) || GRPC_FAULTS.has(Number(tags.get('grpc.status_code') ?? '0'));
}

function encode(span: Span): OtlpSpan {
  return create(SpanSchema, {
    traceId: Buffer.from(span.traceId, 'hex'),
    spanId: Buffer.from(span.spanId, 'hex'),
    traceState: span.traceState,
    parentSpanId: Buffer.from(span.parentId, 'hex'),
    flags: SAMPLED | HAS_IS_REMOTE | (span.isParentRemote ? IS_REMOTE : 0),
    name: span.name,
    kind: span.kind === 'client' ? Kind.CLIENT : Kind.SERVER,
    startTimeUnixNano: nanosOf(span.startMs),
    endTimeUnixNano: nanosOf(span.endMs),
    attributes: Array.from(span.tags, ([key, text]) => attribute(key, text)),
    events: span.events.map(({ name, atMs }) => ({ name, timeUnixNano: nanosOf(atMs) })),
    ...(isError(span) && { status: { code: StatusCode.ERROR } }),
  });
}

/** Sends spans by OTLP. */
export function otlpSender(source: OtlpSource, scope: TracerScope): SendSpans {
  const resource = create(ResourceSchema, { attributes: Object.entries(source.attributes).map(([key, text]) => attribute(key, text)) });
  const instrumentation = source.tellsScope ? { scope: { name: 'tulle', version: scope.version } } : {};
  const userAgent = `OTel-OTLP-Exporter-Tulle/${scope.version}`;
  const failed = scope.stats.scope('tracing.opentelemetry').counter('reports_failed');
  return (spans, onDone) => {
    const request = create(ExportTraceServiceRequestSchema, {
      resourceSpans: [{ resource, scopeSpans: [{ ...instrumentation, spans: spans.map(encode) }] }],
    });
    const body = toBinary(ExportTraceServiceRequestSchema, request);
    sendExport(source.target, { method: METHOD, body, contentType: 'application/x-protobuf', userAgent }, scope, (status) => {
      const isTaken = status >= 200 && status <= 299;
      if (!isTaken) failed.value++;
      onDone(isTaken);
    });
  };
}
