/**
 * The tracer `envoy.tracers.opentelemetry`: W3C Trace Context, and spans by OTLP over gRPC or HTTP. What encodes them is
 * loaded with the first span. Source: Envoy, envoy.config.trace.v3.OpenTelemetryConfig.
 */
import { ConfigError } from '../../core/errors.ts';
import { type OpenTelemetryConfig, OpenTelemetryConfigSchema } from '../../xds/gen/envoy/config/trace/v3/opentelemetry_pb.ts';
import type { TypedExtensionConfig } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import { AlwaysOnSamplerConfigSchema } from '../../xds/gen/envoy/extensions/tracers/opentelemetry/samplers/v3/always_on_sampler_pb.ts';
import type { Any } from '@bufbuild/protobuf/wkt';
import { fixedField } from '../../wire/http/headers.ts';
import { decodeTyped, typeNameOf } from '../config/typed-config.ts';
import { idsIn, ownText, randomSpanId, randomTraceparent } from '../telemetry/ids.ts';
import { type GrpcTarget, type HttpTarget, readTarget } from './collector-target.ts';
import { FreshSpan } from './fresh-span.ts';
import { detectResource } from './resource-detectors.ts';
import { EGRESS, newSpan, type Span, type SpanStart, type Tracer } from './span.ts';
import { type ReportSpan, spanReporter } from './span-export.ts';
import type { TracerScope } from './tracer-kinds.ts';
import { readW3c, traceparentOf } from './w3c-context.ts';
import { TRACEPARENT } from '../telemetry/trace-fields.ts';

/** What all spans of a tracer have in common, beside them. */
export interface OtlpSource {
  readonly target: GrpcTarget | HttpTarget;
  /** Of the resource, by key. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The instrumentation scope is told. */
  readonly tellsScope: boolean;
}

interface Config extends OtlpSource {
  readonly maxSpans: number;
  /** `always_on`: every span is sampled, whatever anybody has decided. */
  readonly isAlwaysOn: boolean;
}

/** Envoy says so where there is none. */
const NO_STATE = fixedField('tracestate', '');

const DEFAULT_SERVICE = 'unknown_service:envoy';
const DEFAULT_CACHE_SPANS = 1024;

function resourceOf(config: OpenTelemetryConfig, version: string, path: string): Record<string, string> {
  const isSet = (flag: boolean | undefined): boolean => flag ?? true;
  return {
    ...(isSet(config.setServiceNameResourceAttribute) && { 'service.name': config.serviceName || DEFAULT_SERVICE }),
    ...(isSet(config.setTelemetrySdkResourceAttributes) && {
      'telemetry.sdk.language': 'nodejs',
      'telemetry.sdk.name': 'tulle',
      'telemetry.sdk.version': version,
    }),
    ...detectResource(config.resourceDetectors, `${path}.resource_detectors`),
  };
}

function readSampler(sampler: TypedExtensionConfig | undefined, path: string): boolean {
  if (sampler === undefined) return false;
  const type = sampler.typedConfig === undefined ? '' : typeNameOf(sampler.typedConfig);
  if (type !== AlwaysOnSamplerConfigSchema.typeName)
    throw new ConfigError(path, `sampler ${sampler.name} is not supported by Tulle; always_on is`);
  return true;
}

function readConfig(any: Any, version: string, path: string): Config {
  const config = decodeTyped(any, OpenTelemetryConfigSchema, path);
  if (config.grpcService !== undefined && config.httpService !== undefined)
    throw new ConfigError(path, 'has both grpc_service and http_service');
  return {
    target: readTarget(config, path),
    attributes: resourceOf(config, version, path),
    tellsScope: config.setInstrumentationScope ?? true,
    maxSpans: config.maxCacheSize ?? DEFAULT_CACHE_SPANS,
    isAlwaysOn: readSampler(config.sampler, `${path}.sampler`),
  };
}

class OpenTelemetryTracer implements Tracer {
  readonly report: ReportSpan;
  readonly #isAlwaysOn: boolean;

  constructor(report: ReportSpan, isAlwaysOn: boolean) {
    this.report = report;
    this.#isAlwaysOn = isAlwaysOn;
  }

  begin(
    headers: Parameters<Tracer['begin']>[0],
    authority: string,
    start: SpanStart,
    infer?: Parameters<Tracer['begin']>[3],
  ): Span | undefined {
    const span = this.#begin(headers, start, infer);
    if (span?.isSampled === true && start.name === EGRESS) span.name = `${EGRESS} ${authority}`;
    return span;
  }

  #begin(headers: Parameters<Tracer['begin']>[0], start: SpanStart, infer: Parameters<Tracer['begin']>[3]): Span | undefined {
    const context = readW3c(headers);
    if (context === 'broken') return undefined;
    if (context !== undefined) return this.#below(start, context, context.isSampled && start.isSampled, true);
    const parent = infer?.();
    if (parent !== undefined) return this.#below(start, { ...parent, traceId: parent.traceId.padStart(32, '0') }, parent.isSampled, false);
    const isSampled = start.isSampled || this.#isAlwaysOn;
    if (!isSampled) return new FreshSpan(start);
    const line = ownText(randomTraceparent());
    return newSpan(start, {
      ...idsIn(line),
      parentId: '',
      form: 'w3c',
      isSampled,
    });
  }

  child(parent: Span, start: SpanStart): Span {
    return this.#below(start, parent, parent.isSampled, false);
  }

  inject(span: Span, headers: Parameters<Tracer['inject']>[1]): void {
    const { traceparent, traceState } = span;
    if (traceparent !== undefined) headers.setLine(TRACEPARENT, traceparent);
    else headers.setPlain(TRACEPARENT, traceparentOf(span.traceId, span.spanId, span.isSampled));
    if (traceState === '') headers.setFixed(NO_STATE);
    else headers.set('tracestate', traceState);
  }

  #below(start: SpanStart, parent: Pick<Span, 'traceId' | 'spanId' | 'traceState'>, isSampled: boolean, isParentRemote: boolean): Span {
    const { traceId, spanId: parentId, traceState } = parent;
    const context = { traceId, parentId, traceState, isParentRemote, form: 'w3c' as const };
    return newSpan(start, { ...context, spanId: randomSpanId(), isSampled: isSampled || this.#isAlwaysOn });
  }
}

/** Prepares the tracer. `any` is its `typed_config`, at `path`. */
export function createOpenTelemetry(any: Any, path: string, scope: TracerScope): Tracer {
  const config = readConfig(any, scope.version, path);
  const load = async () => (await import('./otlp-spans.ts')).otlpSink(config, scope);
  return new OpenTelemetryTracer(spanReporter('opentelemetry', config.maxSpans, scope, load), config.isAlwaysOn);
}
