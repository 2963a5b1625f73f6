/** The sink `envoy.stat_sinks.open_telemetry`: metrics by OTLP, over gRPC or HTTP. Source: Envoy, stat_sinks.open_telemetry.v3.SinkConfig. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { type SinkConfig, SinkConfigSchema } from '../../xds/gen/envoy/extensions/stat_sinks/open_telemetry/v3/open_telemetry_pb.ts';
import { ExportMetricsServiceRequestSchema } from '../../xds/gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts';
import { AggregationTemporality as Temporality, type MetricSchema } from '../../xds/gen/opentelemetry/proto/metrics/v1/metrics_pb.ts';
import { decodeTyped } from '../config/typed-config.ts';
import { type GrpcTarget, type HttpTarget, OTLP, readGrpcTarget, readHttpTarget, sendExport } from '../tracing/collector-target.ts';
import { attribute, nanosOf } from '../tracing/otlp-attributes.ts';
import { detectResource } from '../tracing/resource-detectors.ts';
import type { Point } from './interval.ts';
import type { FlushTimes, MetricsSink, SinkScope } from './sink.ts';
import { UnderWay } from './under-way.ts';

const METHOD = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';
/** Requests under way above which further ones are lost. */
const MAX_UNDER_WAY = 4;

type Metric = MessageInitShape<typeof MetricSchema>;

interface Settings {
  readonly target: GrpcTarget | HttpTarget;
  readonly counters: Temporality;
  readonly histograms: Temporality;
  readonly emitsTags: boolean;
  readonly extractsTags: boolean;
  readonly prefix: string;
  readonly resource: Readonly<Record<string, string>>;
  /** Points in one request; 0: all. */
  readonly maxPoints: number;
}

function temporality(isDelta: boolean): Temporality {
  return isDelta ? Temporality.DELTA : Temporality.CUMULATIVE;
}

function targetOf({ protocolSpecifier }: SinkConfig, path: string): GrpcTarget | HttpTarget {
  if (protocolSpecifier.case === 'grpcService') return readGrpcTarget(protocolSpecifier.value, `${path}.grpc_service`);
  if (protocolSpecifier.case === 'httpService') return readHttpTarget(protocolSpecifier.value, `${path}.http_service`);
  throw new ConfigError(path, 'has neither grpc_service nor http_service');
}

function readSettings(any: Any, path: string): Settings {
  const config = decodeTyped(any, SinkConfigSchema, path);
  return {
    target: targetOf(config, path),
    counters: temporality(config.reportCountersAsDeltas),
    histograms: temporality(config.reportHistogramsAsDeltas),
    emitsTags: config.emitTagsAsAttributes ?? true,
    extractsTags: config.useTagExtractedName ?? true,
    prefix: config.prefix === '' ? '' : `${config.prefix}.`,
    resource: detectResource(config.resourceDetectors, `${path}.resource_detectors`),
    maxPoints: config.maxDataPointsPerRequest,
  };
}

/** A point as a metric of OTLP; undefined where an interval has nothing to tell. */
export function otlpMetric(
  point: Point,
  settings: Omit<Settings, 'target' | 'resource' | 'maxPoints'>,
  times: FlushTimes,
): Metric | undefined {
  const name = settings.prefix + (settings.extractsTags ? point.taggedName : point.name);
  const attributes = settings.emitsTags || point.isLabelled ? Object.entries(point.tags).map(([key, text]) => attribute(key, text)) : [];
  const timeUnixNano = nanosOf(times.nowMs);
  const startOf = (kind: Temporality): bigint => nanosOf(kind === Temporality.DELTA ? times.formerMs : times.startMs);
  if (point.kind === 'gauge')
    return {
      name,
      data: { case: 'gauge', value: { dataPoints: [{ attributes, timeUnixNano, value: { case: 'asDouble', value: point.value } }] } },
    };
  if (point.kind === 'counter') {
    const isDelta = settings.counters === Temporality.DELTA;
    const value = isDelta ? point.delta : point.value;
    if (isDelta && value === 0) return undefined;
    const startTimeUnixNano = startOf(settings.counters);
    const dataPoints = [
      { attributes, timeUnixNano, startTimeUnixNano, value: { case: 'asInt', value: BigInt(Math.round(value)) } as const },
    ];
    return { name, data: { case: 'sum', value: { dataPoints, aggregationTemporality: settings.counters, isMonotonic: true } } };
  }
  const observed = settings.histograms === Temporality.DELTA ? point.recent : point.all;
  if (observed.count === 0) return undefined;
  const dataPoint = {
    attributes,
    timeUnixNano,
    startTimeUnixNano: startOf(settings.histograms),
    count: BigInt(observed.count),
    sum: observed.sum,
    bucketCounts: Array.from(observed.counts, (count) => BigInt(count)),
    explicitBounds: [...point.bounds],
  };
  return { name, data: { case: 'histogram', value: { dataPoints: [dataPoint], aggregationTemporality: settings.histograms } } };
}

/** Prepares the sink that `any`, at `path`, describes. Throws ConfigError. */
export function createOtlpMetrics(any: Any, path: string, scope: SinkScope): MetricsSink {
  const settings = readSettings(any, path);
  const { version } = scope;
  const resource = { attributes: Object.entries(settings.resource).map(([key, text]) => attribute(key, text)) };
  const underWay = new UnderWay(MAX_UNDER_WAY, scope);
  const send = (metrics: Metric[]): void => {
    const done = underWay.begin();
    if (done === undefined) return;
    const request = create(ExportMetricsServiceRequestSchema, { resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] });
    const body = toBinary(ExportMetricsServiceRequestSchema, request);
    const userAgent = `OTel-OTLP-Exporter-Tulle/${version}`;
    sendExport(settings.target, { method: METHOD, body, contentType: OTLP, userAgent }, scope, (status, _, refused) => {
      // a message of which points were refused is not counted as sent
      done(status >= 200 && status <= 299 && refused === 0);
    });
  };
  return {
    which: 'all',
    flush(points, times) {
      const metrics = points.flatMap((point) => otlpMetric(point, settings, times) ?? []);
      const size = settings.maxPoints === 0 ? metrics.length : settings.maxPoints;
      for (let i = 0; i < metrics.length; i += size) send(metrics.slice(i, i + size));
    },
    close: () => underWay.close(),
  };
}
