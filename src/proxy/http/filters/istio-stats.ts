/**
 * Istio's standard metrics of requests: the filter `istio.stats`. Where no peer metadata filter has exchanged metadata
 * for a stream before it, it does so itself. Sizes are of bodies: heads are not counted on the data path.
 */
import { formatFlags } from '../../telemetry/format-connection.ts';
import { PluginConfigSchema } from '../../../xds/gen/stats/config_pb.ts';
import { createEdges, reporterOf } from '../../telemetry/istio-edges.ts';
import { type IstioStatsConfig, type MetricName, parseIstioStats } from '../../telemetry/istio-config.ts';
import { createOverrides, keptIn, type Overrides, type Values } from '../../telemetry/istio-overrides.ts';
import { createExchange } from '../../telemetry/peer-exchange.ts';
import { DEFAULT_BOUNDS } from '../../telemetry/registry.ts';
import { type Counter, type Histogram, type Labels, observe, type StatsScope } from '../../telemetry/stats.ts';
import { CONTINUE, type HttpFilter } from '../filter.ts';
import type { StreamInfo } from '../stream-info.ts';

interface Series {
  readonly requests: Counter | undefined;
  readonly duration: Histogram | undefined;
  readonly requestBytes: Histogram | undefined;
  readonly responseBytes: Histogram | undefined;
  /** Of gRPC alone. */
  readonly requestMessages: Counter | undefined;
  readonly responseMessages: Counter | undefined;
}

/** An edge's series by what its requests came to, and where expressions make labels, by these: see `seriesKey`. */
type SeriesByKey = Map<number | string, Series>;

/** Where the filter `grpc_stats` leaves `<request messages>,<response messages>`. */
const GRPC_STATE = 'envoy.filters.http.grpc_stats';

function isGrpc({ request }: StreamInfo): boolean {
  const type = request?.headers.get('content-type');
  return type !== undefined && /^application\/grpc(?:$|[+;])/.test(type);
}

/** A gRPC status of a response's head: 0 to 16, or -1 where it has none. */
function grpcStatusOf({ response }: StreamInfo): number {
  const text = response?.headers.get('grpc-status');
  return text !== undefined && /^(?:\d|1[0-6])$/.test(text) ? Number(text) : -1;
}

/** Status, flags and gRPC status as one number below 2^53: 25 flags, 10 bits of status, 5 of gRPC. */
function seriesKey(info: StreamInfo, grpc: boolean): number {
  return (info.flags * 1024 + (info.responseCode & 1023)) * 32 + (grpc ? grpcStatusOf(info) + 2 : 0);
}

function requestLabels(edge: Labels, info: StreamInfo, grpc: boolean): Labels {
  const status = grpc ? grpcStatusOf(info) : -1;
  return {
    ...edge,
    request_protocol: grpc ? 'grpc' : 'http',
    response_code: String(info.responseCode),
    grpc_response_status: status === -1 ? '' : String(status),
    response_flags: formatFlags(info.flags, 0) || '-',
  };
}

function createSeries(stats: StatsScope, overrides: Overrides, labels: Labels, values: Values): Series {
  const histogram = (metric: MetricName): Histogram | undefined => {
    const own = overrides.labels(metric, labels, values);
    return own && stats.labelledHistogram(`istio_${metric}`, own, DEFAULT_BOUNDS);
  };
  const counter = (metric: MetricName): Counter | undefined => {
    const own = overrides.labels(metric, labels, values);
    return own && stats.labelledCounter(`istio_${metric}`, own);
  };
  const grpc = labels['request_protocol'] === 'grpc';
  return {
    requests: counter('requests_total'),
    duration: histogram('request_duration_milliseconds'),
    requestBytes: histogram('request_bytes'),
    responseBytes: histogram('response_bytes'),
    requestMessages: grpc ? counter('request_messages_total') : undefined,
    responseMessages: grpc ? counter('response_messages_total') : undefined,
  };
}

/** Messages of a call, where a filter before has counted them. */
function countMessages({ requestMessages, responseMessages }: Series, info: StreamInfo): void {
  const [requests = 0, responses = 0] = (info.filterState?.get(GRPC_STATE) ?? '').split(',').map(Number);
  if (requestMessages !== undefined) requestMessages.value += requests;
  if (responseMessages !== undefined) responseMessages.value += responses;
}

function count(series: Series, info: StreamInfo): void {
  const { requests, duration, requestBytes, responseBytes } = series;
  if (requests !== undefined) requests.value++;
  if (duration !== undefined) observe(duration, info.endMs - info.startMs);
  if (requestBytes !== undefined) observe(requestBytes, info.bytesReceived);
  if (responseBytes !== undefined) observe(responseBytes, info.bytesSent);
  if (series.requestMessages !== undefined || series.responseMessages !== undefined) countMessages(series, info);
}

/** Counts every request once, when it is over. */
export const istioStats = {
  name: 'istio.stats',
  schema: undefined,
  structTypeUrl: 'type.googleapis.com/stats.PluginConfig',
  structSchema: PluginConfigSchema,
  parse: parseIstioStats,
  create(config, { node, direction, stats, listenerMetadata }) {
    const reporter = config.isServerGateway ? 'destination' : reporterOf(direction);
    const overrides = createOverrides(config, { node, direction, listenerMetadata });
    const isSource = reporter === 'source';
    const exchange = createExchange(node, {
      readsRequest: !isSource,
      marksResponse: !isSource,
      marksRequest: isSource,
      readsResponse: isSource,
    });
    const edgeOf = createEdges<SeriesByKey>({ ...config, node, reporter, series: () => new Map() });
    return {
      onRequestHeaders(stream) {
        exchange.onRequest(stream);
        return CONTINUE;
      },
      onResponseHeaders(stream) {
        exchange.onResponse(stream);
        return CONTINUE;
      },
      onComplete({ info }) {
        const grpc = isGrpc(info);
        const values = overrides.evaluate(info);
        const result = seriesKey(info, grpc);
        const key = values.length === 0 ? result : `${result} ${values.join('\u0001')}`;
        const edge = edgeOf(info);
        const series =
          edge.series.get(key) ??
          keptIn(edge.series, key, () => createSeries(stats, overrides, requestLabels(edge.labels, info, grpc), values));
        count(series, info);
      },
    };
  },
} satisfies HttpFilter<never, IstioStatsConfig>;
