/**
 * The tracer `envoy.tracers.zipkin`: B3, W3C beside it where so configured, and spans as Zipkin's JSON of version 2.
 * Source: Envoy, envoy.config.trace.v3.ZipkinConfig.
 */
import type { Any } from '@bufbuild/protobuf/wkt';
import { ConfigError } from '../../core/errors.ts';
import type { HeaderMap } from '../../wire/http/message.ts';
import {
  type ZipkinConfig,
  ZipkinConfig_CollectorEndpointVersion as Version,
  ZipkinConfig_TraceContextOption as Context,
  ZipkinConfigSchema,
} from '../../xds/gen/envoy/config/trace/v3/zipkin_pb.ts';
import { decodeTyped } from '../config/typed-config.ts';
import { randomSpanId } from '../telemetry/ids.ts';
import { type B3Context, readB3, readB3Decision, writeB3 } from './b3-context.ts';
import { type HttpTarget, readHttpTarget } from './collector-target.ts';
import { newSpan, type Span, type SpanStart, type Tracer } from './span.ts';
import { type ReportSpan, spanReporter } from './span-export.ts';
import type { TracerScope } from './tracer-kinds.ts';
import { readW3c, traceparentOf } from './w3c-context.ts';

interface Config {
  readonly target: HttpTarget;
  readonly has128BitIds: boolean;
  readonly sharesContext: boolean;
  /** `split_spans_for_request`: a request's own span is always a server's. */
  readonly splitsSpans: boolean;
  /** The caller's context may come as W3C's, and the upstream is told in both forms. */
  readonly speaksW3c: boolean;
}

/** How long Envoy waits for a collector. */
const TIMEOUT_MS = 5000;
/** Spans that wait for a collector that does not keep up. */
const MAX_SPANS = 1024;

function targetOf(config: ZipkinConfig, path: string): HttpTarget {
  if (config.collectorService !== undefined) return readHttpTarget(config.collectorService, `${path}.collector_service`);
  if (config.collectorCluster === '') throw new ConfigError(`${path}.collector_cluster`, 'is empty, and there is no collector_service');
  if (config.collectorEndpoint === '') throw new ConfigError(`${path}.collector_endpoint`, 'is empty');
  return {
    kind: 'http',
    cluster: config.collectorCluster,
    authority: config.collectorHostname || config.collectorCluster,
    path: config.collectorEndpoint,
    timeoutMs: TIMEOUT_MS,
    fields: [],
  };
}

function readConfig(any: Any, path: string): Config {
  const config = decodeTyped(any, ZipkinConfigSchema, path);
  if (config.collectorEndpointVersion !== Version.HTTP_JSON)
    throw new ConfigError(`${path}.collector_endpoint_version`, 'only HTTP_JSON is supported by Tulle');
  return {
    target: targetOf(config, path),
    has128BitIds: config.traceId128bit,
    sharesContext: config.sharedSpanContext ?? true,
    splitsSpans: config.splitSpansForRequest,
    speaksW3c: config.traceContextOption === Context.USE_B3_WITH_W3C_PROPAGATION,
  };
}

class ZipkinTracer implements Tracer {
  readonly #config: Config;
  readonly report: ReportSpan;

  constructor(config: Config, report: ReportSpan) {
    this.#config = config;
    this.report = report;
  }

  begin(headers: HeaderMap, authority: string, start: SpanStart, infer?: Parameters<Tracer['begin']>[3]): Span | undefined {
    const own: SpanStart = { ...start, name: authority, ...(this.#config.splitsSpans && { kind: 'server' }) };
    const b3 = readB3(headers);
    if (b3 === 'broken') return undefined;
    const decided = readB3Decision(headers);
    if (b3 !== undefined) return this.#follow(own, b3, decided ?? start.isSampled);
    const w3c = this.#config.speaksW3c ? readW3c(headers) : undefined;
    if (w3c === 'broken') return undefined;
    if (w3c !== undefined) {
      const { traceId, spanId, isSampled } = w3c;
      return this.#follow(own, { traceId, spanId, parentId: '', form: 'b3-multi' }, isSampled);
    }
    const form = headers.has('b3') ? 'b3' : 'b3-multi';
    const spanId = randomSpanId();
    const parent = infer?.();
    if (parent !== undefined)
      return newSpan(own, { traceId: parent.traceId, spanId, parentId: parent.spanId, form, isSampled: decided ?? parent.isSampled });
    const traceId = this.#config.has128BitIds ? randomSpanId() + spanId : spanId;
    const isShared = this.#config.sharesContext && own.kind === 'server';
    return newSpan(own, { traceId, spanId, parentId: '', form, isSampled: decided ?? start.isSampled, isShared });
  }

  child(parent: Span, start: SpanStart): Span {
    const { traceId, form, isSampled } = parent;
    return newSpan(start, { traceId, spanId: randomSpanId(), parentId: parent.spanId, form, isSampled });
  }

  inject(span: Span, headers: HeaderMap): void {
    writeB3(span, headers);
    if (this.#config.speaksW3c) headers.set('traceparent', traceparentOf(span.traceId, span.spanId, span.isSampled));
  }

  /** A server shares its client's span where so configured; else spans are children of the caller's. */
  #follow(start: SpanStart, context: B3Context, isSampled: boolean): Span {
    if (start.kind === 'server' && this.#config.sharesContext) return newSpan(start, { ...context, isSampled, isShared: true });
    return newSpan(start, { ...context, spanId: randomSpanId(), parentId: context.spanId, isSampled });
  }
}

/** Prepares the tracer. `any` is its `typed_config`, at `path`. */
export function createZipkin(any: Any, path: string, scope: TracerScope): Tracer {
  const config = readConfig(any, path);
  const load = async () => (await import('./zipkin-spans.ts')).zipkinSink(config.target, scope);
  return new ZipkinTracer(config, spanReporter('zipkin', MAX_SPANS, scope, load));
}
