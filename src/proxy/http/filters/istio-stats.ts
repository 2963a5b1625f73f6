/**
 * Istio's standard metrics of requests: the filter `istio.stats`. Where no peer metadata filter has exchanged metadata
 * for a stream before it, it does so itself. Sizes are of bodies: heads are not counted on the data path.
 */
import { GRPC_FAULTS, isGrpcType } from '../../../core/grpc-status.ts';
import { denialCounter, denialReason } from '../../telemetry/denials.ts';
import { formatFlags } from '../../telemetry/format-connection.ts';
import { grpcStatus } from '../../telemetry/format-request.ts';
import { createEdges, reporterOf } from '../../telemetry/istio-edges.ts';
import { ISTIO_STATS, type IstioStatsConfig, type MetricName } from '../../telemetry/istio-config.ts';
import { createOverrides, keptIn, type Overrides, type Values } from '../../telemetry/istio-overrides.ts';
import { createExchange } from '../../telemetry/peer-exchange.ts';
import { DEFAULT_BOUNDS } from '../../telemetry/registry.ts';
import { type RouteResult, RouteSeries } from '../../telemetry/route-series.ts';
import { type Counter, type Histogram, type Labels, observe, observeTraced, type StatsScope } from '../../telemetry/stats.ts';
import { metadataOfNode } from '../../telemetry/peer-metadata.ts';
import { CONTINUE, type HttpFilter, type LocalNode } from '../filter.ts';
import { fieldName } from '../../../wire/http/headers.ts';
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
interface SeriesByKey {
  readonly all: Map<number | string, Series>;
  /** Those of the request before. */
  lastKey: number | string;
  last: Series | undefined;
}

/** Where the filter `grpc_stats` leaves `<request messages>,<response messages>`. */
const GRPC_STATE = 'envoy.filters.http.grpc_stats';

const CONTENT_TYPE = fieldName('content-type');

function isGrpc({ request }: StreamInfo): boolean {
  return isGrpcType(request?.headers.get(CONTENT_TYPE));
}

/** How a gRPC call ended: 0 to 16, or -1 where that is not known; what a server makes up is not told apart. */
function grpcStatusOf(info: StreamInfo): number {
  const status = grpcStatus(info) ?? -1;
  return status > 16 ? -1 : status;
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

function seriesOf(known: SeriesByKey, key: number | string, make: () => Series): Series {
  if (known.lastKey === key && known.last !== undefined) return known.last;
  known.last = keptIn(known.all, key, make);
  known.lastKey = key;
  return known.last;
}

/** Messages of a call, where a filter before has counted them. */
function countMessages({ requestMessages, responseMessages }: Series, info: StreamInfo): void {
  const [requests = 0, responses = 0] = (info.filterState?.get(GRPC_STATE) ?? '').split(',').map(Number);
  if (requestMessages !== undefined) requestMessages.value += requests;
  if (responseMessages !== undefined) responseMessages.value += responses;
}

/** With the trace, of requests that have a span. */
function observeDuration(duration: Histogram, info: StreamInfo): void {
  const durationMs = info.endMs - info.startMs;
  const trace = info.trace;
  if (trace?.isSampled === true) observeTraced(duration, durationMs, trace.traceId, info.startWallMs + durationMs);
  else observe(duration, durationMs);
}

function count(series: Series, info: StreamInfo): void {
  const { requests, duration, requestBytes, responseBytes } = series;
  if (requests !== undefined) requests.value++;
  if (duration !== undefined) observeDuration(duration, info);
  if (requestBytes !== undefined) observe(requestBytes, info.bytesReceived);
  if (responseBytes !== undefined) observe(responseBytes, info.bytesSent);
  if (series.requestMessages !== undefined || series.responseMessages !== undefined) countMessages(series, info);
}

function resultOf(info: StreamInfo, grpc: boolean, denied: string | undefined): RouteResult {
  if (denied !== undefined) return 'denied';
  if (info.responseCode >= 500 || info.responseCode === 0) return 'failure';
  return grpc && GRPC_FAULTS.has(grpcStatusOf(info)) ? 'failure' : 'success';
}

/** The labels that say who calls. */
function callerLabels(node: LocalNode): Labels {
  const { workload, namespace } = metadataOfNode(node);
  return { source_workload: workload || 'unknown', source_workload_namespace: namespace || 'unknown' };
}

/** Counts every request once, when it is over. */
export const istioStats = {
  ...ISTIO_STATS,
  create(config, { node, direction, stats, listenerMetadata, clusters }) {
    const reporter = config.isServerGateway ? 'destination' : reporterOf(direction);
    const overrides = createOverrides(config, { node, direction, listenerMetadata });
    const isSource = reporter === 'source';
    const exchange = createExchange(node, {
      readsRequest: !isSource,
      marksResponse: !isSource,
      marksRequest: isSource,
      readsResponse: isSource,
    });
    const routes = isSource ? new RouteSeries(stats, callerLabels(node)) : undefined;
    const edgeOf = createEdges<SeriesByKey>({
      ...config,
      node,
      reporter,
      clusters,
      series: () => ({ all: new Map(), lastKey: '', last: undefined }),
    });
    return {
      onRequestHeaders(stream) {
        exchange.onRequest(stream);
        return CONTINUE;
      },
      onResponseHeaders(stream) {
        exchange.onResponse(stream);
        return CONTINUE;
      },
      onComplete(stream) {
        const { info } = stream;
        // a filter before this one may have answered, and nobody read who called
        if (!isSource) exchange.onRequest(stream);
        const grpc = isGrpc(info);
        const values = overrides.evaluate(info);
        const result = seriesKey(info, grpc);
        const key = values.length === 0 ? result : `${result} ${values.join('\u0001')}`;
        const edge = edgeOf(info);
        const series = seriesOf(edge.series, key, () => createSeries(stats, overrides, requestLabels(edge.labels, info, grpc), values));
        count(series, info);
        const denied = denialReason(info);
        if (denied !== undefined && series.requests !== undefined)
          denialCounter(stats, edge.labels, info, grpc ? 'grpc' : 'http', denied).value++;
        if (series.duration !== undefined) routes?.count(info, grpc, resultOf(info, grpc, denied));
      },
    };
  },
} satisfies HttpFilter<never, IstioStatsConfig>;
