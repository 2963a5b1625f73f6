/**
 * The sink `envoy.stat_sinks.metrics_service`: a stream of `StreamMetricsMessage`, over the proxy's own connection to the
 * server of ADS or through a cluster. Through a cluster each message is a stream of its own, with the node in it.
 * Source: Envoy, envoy.config.metrics.v3.MetricsServiceConfig.
 */
import type { Any } from '@bufbuild/protobuf/wkt';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { HistogramEmitMode, MetricsServiceConfigSchema } from '../../xds/gen/envoy/config/metrics/v3/metrics_service_pb.ts';
import { MetricsService, type StreamMetricsMessage, StreamMetricsMessageSchema } from '../../xds/gen/envoy/service/metrics_service_pb.ts';
import type { Node } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { decodeTyped } from '../config/typed-config.ts';
import { type GrpcTarget, readGrpcTarget, sendStream } from '../tracing/collector-target.ts';
import { AdsStream } from './ads-stream.ts';
import type { Point } from './interval.ts';
import { type FamilyOptions, FamilyWriter } from './metric-families.ts';
import type { FlushTimes, MetricsSink, SinkScope } from './sink.ts';
import { UnderWay } from './under-way.ts';

/** Messages under way above which further ones are lost: a service that is slow must not cost memory. */
const MAX_WAITING = 2;
const METHOD = '/envoy.service.metrics.v3.MetricsService/StreamMetrics';
const MODES: ReadonlyMap<HistogramEmitMode, FamilyOptions['histograms']> = new Map([
  [HistogramEmitMode.SUMMARY_AND_HISTOGRAM, 'both'],
  [HistogramEmitMode.SUMMARY, 'summary'],
  [HistogramEmitMode.HISTOGRAM, 'histogram'],
]);

/** Sends one message, or loses it. */
interface Sender {
  send(message: StreamMetricsMessage): void;
  close(): Promise<void>;
}

function messageOf(families: readonly Uint8Array[]): StreamMetricsMessage {
  return create(StreamMetricsMessageSchema, { envoyMetrics: [...families] });
}

function identified({ envoyMetrics = [] }: MessageInitShape<typeof StreamMetricsMessageSchema>, node: Node): StreamMetricsMessage {
  return create(StreamMetricsMessageSchema, { identifier: { node }, envoyMetrics });
}

function throughCluster(target: GrpcTarget, scope: SinkScope): Sender {
  const underWay = new UnderWay(MAX_WAITING, scope);
  return {
    send(message) {
      const done = underWay.begin();
      if (done === undefined) return;
      sendStream(target, METHOD, toBinary(StreamMetricsMessageSchema, identified(message, scope.node)), scope, done);
    },
    close: () => underWay.close(),
  };
}

function toAds(scope: SinkScope): Sender {
  const { counters, node, ads, log } = scope;
  if (ads === undefined) throw new Error('there is no server of ADS');
  return new AdsStream({
    ads,
    method: MetricsService.method.streamMetrics,
    identify: (message) => identified(message, node),
    maxWaiting: MAX_WAITING,
    counters,
    log,
  });
}

class MetricsServiceSink implements MetricsSink {
  readonly which: MetricsSink['which'];
  readonly #writer: FamilyWriter;
  readonly #sender: Sender;
  readonly #batchSize: number;

  constructor(which: MetricsSink['which'], writer: FamilyWriter, sender: Sender, batchSize: number) {
    this.which = which;
    this.#writer = writer;
    this.#sender = sender;
    this.#batchSize = batchSize;
  }

  flush(points: readonly Point[], { nowMs }: FlushTimes): void {
    const chosen = this.which === 'labelled' ? points.filter(({ isLabelled }) => isLabelled) : points;
    const families = this.#writer.write(chosen, nowMs);
    const size = this.#batchSize === 0 ? families.length : this.#batchSize;
    for (let i = 0; i < families.length; i += size) this.#sender.send(messageOf(families.slice(i, i + size)));
  }

  close(): Promise<void> {
    return this.#sender.close();
  }
}

/** Prepares the sink that `any`, at `path`, describes. Throws ConfigError. */
export function createMetricsService(any: Any, path: string, scope: SinkScope): MetricsSink {
  const config = decodeTyped(any, MetricsServiceConfigSchema, path);
  const service = config.grpcService;
  const target = readGrpcTarget(service, `${path}.grpc_service`);
  const isAds = target.cluster === scope.ads?.clusterName;
  const mode = MODES.get(config.histogramEmitMode);
  if (mode === undefined) throw new ConfigError(`${path}.histogram_emit_mode`, `${config.histogramEmitMode} is not a mode`);
  const writer = new FamilyWriter({
    reportsDeltas: config.reportCountersAsDeltas ?? false,
    emitsTags: config.emitTagsAsLabels,
    histograms: mode,
  });
  const which = isAds && scope.pushesSignals ? 'labelled' : 'all';
  return new MetricsServiceSink(which, writer, isAds ? toAds(scope) : throughCluster(target, scope), config.batchSize);
}
