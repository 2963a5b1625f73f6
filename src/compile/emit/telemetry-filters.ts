/** Filters that only Istio's own Envoy and our proxy have: metrics by workload, and the exchange of who the peers are. */
import type { JsonObject } from '@bufbuild/protobuf';
import { type Extension, structExtension } from './any.ts';
import type { ProxyNode } from './proxy-node.ts';

export type Side = 'client' | 'server' | 'gateway';

const STATS_TYPE = 'type.googleapis.com/stats.PluginConfig';
const PEER_TYPE = 'type.googleapis.com/io.istio.http.peer_metadata.Config';

/** Headers tell the peers' workloads: the client's side reads responses and marks requests, the server's the reverse. */
const PEER_CONFIG: Readonly<Record<Side, JsonObject>> = {
  client: { upstream_discovery: [{ istio_headers: {} }], upstream_propagation: [{ istio_headers: {} }] },
  server: { downstream_discovery: [{ istio_headers: {} }], downstream_propagation: [{ istio_headers: {} }] },
  gateway: { upstream_discovery: [{ istio_headers: {} }], upstream_propagation: [{ istio_headers: {} }] },
};

function stats(side: Side): Extension {
  return structExtension('istio.stats', STATS_TYPE, side === 'server' ? { disable_host_header_fallback: true } : {});
}

/** The first HTTP filter: Istio's Envoy exchanges metadata in a filter of its own, ours in `istio.stats`. */
export function peerFilters(userAgent: ProxyNode['userAgent'], side: Side): Extension[] {
  return userAgent === 'istio' ? [structExtension('istio.metadata_exchange', PEER_TYPE, PEER_CONFIG[side])] : [];
}

/** The `istio.stats` filter, for HTTP chains before the router, for others before the TCP proxy. */
export function statsFilters(userAgent: ProxyNode['userAgent'], side: Side): Extension[] {
  return userAgent === 'other' ? [] : [stats(side)];
}
