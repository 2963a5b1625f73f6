/**
 * Istio's standard metrics of requests: the filter `istio.stats`. Where no peer metadata filter has exchanged metadata
 * for a stream before it, it does so itself. Sizes are of bodies: heads are not counted on the data path.
 */
import { formatFlags } from '../../telemetry/format-connection.ts';
import { createEdges, reporterOf } from '../../telemetry/istio-edges.ts';
import { type IstioStatsConfig, labelsFor, type MetricName, parseIstioStats } from '../../telemetry/istio-config.ts';
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
}

/** An edge's series by what its requests came to: see `seriesKey`. */
type SeriesByKey = Map<number, Series>;

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

function createSeries(stats: StatsScope, config: IstioStatsConfig, labels: Labels): Series {
  const histogram = (metric: MetricName): Histogram | undefined =>
    config.dropped.has(metric) ? undefined : stats.labelledHistogram(`istio_${metric}`, labelsFor(metric, labels, config), DEFAULT_BOUNDS);
  return {
    requests: config.dropped.has('requests_total')
      ? undefined
      : stats.labelledCounter('istio_requests_total', labelsFor('requests_total', labels, config)),
    duration: histogram('request_duration_milliseconds'),
    requestBytes: histogram('request_bytes'),
    responseBytes: histogram('response_bytes'),
  };
}

function count({ requests, duration, requestBytes, responseBytes }: Series, info: StreamInfo): void {
  if (requests !== undefined) requests.value++;
  if (duration !== undefined) observe(duration, info.endMs - info.startMs);
  if (requestBytes !== undefined) observe(requestBytes, info.bytesReceived);
  if (responseBytes !== undefined) observe(responseBytes, info.bytesSent);
}

/** Counts every request once, when it is over. */
export const istioStats = {
  name: 'istio.stats',
  schema: undefined,
  structTypeUrl: 'type.googleapis.com/stats.PluginConfig',
  parse: parseIstioStats,
  create(config, { node, direction, stats }) {
    const reporter = reporterOf(direction);
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
        const key = seriesKey(info, grpc);
        const edge = edgeOf(info);
        let series = edge.series.get(key);
        if (series === undefined) {
          edge.series.set(key, (series = createSeries(stats, config, requestLabels(edge.labels, info, grpc))));
        }
        count(series, info);
      },
    };
  },
} satisfies HttpFilter<never, IstioStatsConfig>;
