/** Filters that only Istio's own Envoy and our proxy have: metrics by workload, and the exchange of who the peers are. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { MeshSettings } from '../../model/mesh.ts';
import { type Extension, structExtension } from './any.ts';
import { memoised } from './memo.ts';
import { providerNamed } from './providers.ts';
import type { ProxyNode } from './proxy-node.ts';
import { type MetricOverride, metricsOf, type MetricsTo, type TelemetrySide } from './telemetry-rules.ts';

export type Side = 'client' | 'server' | 'gateway';

/** The side of Telemetries that a listener's is: gateways are clients. */
export function sideOf(side: Side): TelemetrySide {
  return side === 'server' ? 'SERVER' : 'CLIENT';
}

const STATS_TYPE = 'type.googleapis.com/stats.PluginConfig';
const PEER_TYPE = 'type.googleapis.com/io.istio.http.peer_metadata.Config';

/** Headers tell the peers' workloads: the client's side reads responses and marks requests, the server's the reverse. */
const PEER_CONFIG: Readonly<Record<Side, JsonObject>> = {
  client: { upstream_discovery: [{ istio_headers: {} }], upstream_propagation: [{ istio_headers: {} }] },
  server: { downstream_discovery: [{ istio_headers: {} }], downstream_propagation: [{ istio_headers: {} }] },
  gateway: { upstream_discovery: [{ istio_headers: {} }], upstream_propagation: [{ istio_headers: {} }] },
};

/** Names of Istio's metrics as Prometheus fetches them, behind `istio_`. */
const METRIC_NAMES: Readonly<Record<string, string>> = {
  REQUEST_COUNT: 'requests_total',
  REQUEST_DURATION: 'request_duration_milliseconds',
  REQUEST_SIZE: 'request_bytes',
  RESPONSE_SIZE: 'response_bytes',
  TCP_OPENED_CONNECTIONS: 'tcp_connections_opened_total',
  TCP_CLOSED_CONNECTIONS: 'tcp_connections_closed_total',
  TCP_SENT_BYTES: 'tcp_sent_bytes_total',
  TCP_RECEIVED_BYTES: 'tcp_received_bytes_total',
  GRPC_REQUEST_MESSAGES: 'request_messages_total',
  GRPC_RESPONSE_MESSAGES: 'response_messages_total',
};

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1);

function metricOf({ metric, isDisabled, tags }: MetricOverride): JsonObject {
  const sorted = Object.entries(tags).toSorted(byName);
  const removed = sorted.flatMap(([tag, { operation }]) => (operation === 'REMOVE' ? [tag] : []));
  const dimensions = Object.fromEntries(sorted.flatMap(([tag, { operation, value }]) => (operation === 'UPSERT' ? [[tag, value]] : [])));
  return {
    name: METRIC_NAMES[metric] ?? metric,
    ...(Object.keys(dimensions).length > 0 && { dimensions }),
    ...(removed.length > 0 && { tags_to_remove: removed }),
    ...(isDisabled && { drop: true }),
  };
}

/** The server's side knows the service by its own route, not by what the client calls it; so does a gateway's. */
function stats(side: Side, { overrides, reportingIntervalMs }: MetricsTo): Extension {
  return structExtension('istio.stats', STATS_TYPE, {
    ...(side !== 'client' && { disable_host_header_fallback: true }),
    ...(reportingIntervalMs !== undefined && { tcp_reporting_duration: `${reportingIntervalMs / 1000}s` }),
    ...(overrides.length > 0 && { metrics: overrides.map(metricOf) }),
  });
}

const countersOf = memoised((settings: MeshSettings, side: Side): readonly Extension[] =>
  metricsOf(settings.telemetry?.rules ?? [], sideOf(side), settings.defaultProviders.metrics)
    .filter(({ provider, isDisabled }) => !isDisabled && providerNamed(settings, provider)?.kind === 'prometheus')
    .map((metrics) => stats(side, metrics)),
);

/** `istio.stats` for each provider of metrics: in HTTP chains before the router, in others before the TCP proxy. */
export function statsFilters(settings: MeshSettings, userAgent: ProxyNode['userAgent'], side: Side): readonly Extension[] {
  return userAgent === 'other' ? [] : countersOf(settings, side);
}

/** The first HTTP filter: Istio's Envoy exchanges metadata in a filter of its own, ours in `istio.stats` where it has one. */
export function peerFilters(settings: MeshSettings, userAgent: ProxyNode['userAgent'], side: Side): Extension[] {
  if (userAgent === 'istio') return [structExtension('istio.metadata_exchange', PEER_TYPE, PEER_CONFIG[side])];
  const isApart = userAgent === 'tulle' && countersOf(settings, side).length === 0;
  return isApart ? [structExtension('envoy.filters.http.peer_metadata', PEER_TYPE, PEER_CONFIG[side])] : [];
}
