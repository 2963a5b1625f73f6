/** Spans as OTLP has them. Source: OpenTelemetry, opentelemetry.proto.trace.v1; what a status is, semantic conventions for HTTP spans. */
import { create, toBinary } from '@bufbuild/protobuf';
import { GRPC_FAULTS } from '../../core/grpc-status.ts';
import { InstrumentationScopeSchema } from '../../xds/gen/opentelemetry/proto/common/v1/common_pb.ts';
import { ResourceSchema } from '../../xds/gen/opentelemetry/proto/resource/v1/resource_pb.ts';
import { Span_SpanKind as Kind, Status_StatusCode as StatusCode } from '../../xds/gen/opentelemetry/proto/trace/v1/trace_pb.ts';
import { ProtoWriter } from '../telemetry/proto-writer.ts';
import { OTLP, sendExport } from './collector-target.ts';
import { attribute, nanosOf } from './otlp-attributes.ts';
import type { OtlpSource } from './opentelemetry.ts';
import type { Span } from './span.ts';
import type { SpanSink } from './span-export.ts';
import type { TracerScope } from './tracer-kinds.ts';

const METHOD = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
/** Bits of a span's flags: W3C's own below, then whether it is known that the parent is of another process, and whether it is. */
const SAMPLED = 0x1;
const HAS_IS_REMOTE = 0x100;
const IS_REMOTE = 0x200;

/** Methods that are told; any other is the second, as Envoy has it. Source: OpenTelemetry, semantic conventions for HTTP spans. */
const METHODS: ReadonlySet<string> = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE']);
const OTHER_METHOD = '_OTHER';

function isError({ kind, tags }: Span): boolean {
  const status = Number(tags.get('http.status_code') ?? '0');
  return status >= 500 || (kind === 'client' && status >= 400) || GRPC_FAULTS.has(Number(tags.get('grpc.status_code') ?? '0'));
}

/** KeyValue with text. */
function writeAttribute(to: ProtoWriter, field: number, key: string, text: string): void {
  const pair = to.begin(field);
  const value = to.someText(1, key).begin(2);
  to.text(1, text).end(value).end(pair);
}

/** Span. */
function writeSpan(to: ProtoWriter, span: Span): void {
  to.someHex(1, span.traceId).someHex(2, span.spanId).someText(3, span.traceState).someHex(4, span.parentId).someText(5, span.name);
  to.integer(6, span.kind === 'client' ? Kind.CLIENT : Kind.SERVER);
  to.fixed64(7, nanosOf(span.startMs)).fixed64(8, nanosOf(span.endMs));
  for (const [key, text] of span.tags) writeAttribute(to, 9, key, key === 'http.method' && !METHODS.has(text) ? OTHER_METHOD : text);
  for (const { name, atMs } of span.events) to.nested(11, (event) => event.fixed64(1, nanosOf(atMs)).someText(2, name));
  if (isError(span)) to.nested(15, (status) => status.integer(3, StatusCode.ERROR));
  to.fixed32(16, SAMPLED | HAS_IS_REMOTE | (span.isParentRemote ? IS_REMOTE : 0));
}

/** What stands before the spans of every request: who sends them. */
interface Sender {
  /** Resource. */
  readonly resource: Uint8Array;
  /** InstrumentationScope; undefined where it is not told. */
  readonly scope: Uint8Array | undefined;
}

const writer = new ProtoWriter();

/** A span with its tag within ScopeSpans, in bytes that are overwritten by what is encoded next. */
export function encodeSpan(span: Span): Uint8Array {
  const at = writer.clear().begin(2);
  writeSpan(writer, span);
  return writer.end(at).written;
}

/** An ExportTraceServiceRequest, in bytes. `spans` are encoded ones, one behind the other. */
export function requestOf(spans: Uint8Array, { resource, scope }: Sender): Uint8Array {
  return writer
    .clear()
    .nested(1, (ofResource) =>
      ofResource.message(1, resource).nested(2, (ofScope) => {
        if (scope !== undefined) ofScope.message(1, scope);
        ofScope.raw(spans);
      }),
    )
    .take();
}

/** Where spans go by OTLP. */
export function otlpSink(source: OtlpSource, scope: TracerScope): SpanSink {
  const resource = create(ResourceSchema, { attributes: Object.entries(source.attributes).map(([key, text]) => attribute(key, text)) });
  const instrumentation = create(InstrumentationScopeSchema, { name: 'tulle', version: scope.version });
  const sender = {
    resource: toBinary(ResourceSchema, resource),
    scope: source.tellsScope ? toBinary(InstrumentationScopeSchema, instrumentation) : undefined,
  };
  const userAgent = `OTel-OTLP-Exporter-Tulle/${scope.version}`;
  const failed = scope.stats.scope('tracing.opentelemetry').counter('reports_failed');
  return {
    encode: encodeSpan,
    send(spans, _, onDone) {
      const body = requestOf(spans, sender);
      sendExport(source.target, { method: METHOD, body, contentType: OTLP, userAgent }, scope, (status, __, refused) => {
        const isTaken = status >= 200 && status <= 299;
        if (!isTaken) failed.value++;
        onDone(isTaken, refused);
      });
    },
  };
}
