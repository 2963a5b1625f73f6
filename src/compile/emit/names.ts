/** Names of xDS resources and extensions, all istiod's or Envoy's own. */

export const PASSTHROUGH = 'PassthroughCluster';
export const INBOUND_PASSTHROUGH = 'InboundPassthroughCluster';
export const BLACK_HOLE = 'BlackHoleCluster';
export const VIRTUAL_OUTBOUND_PORT = 15001;
export const VIRTUAL_INBOUND_PORT = 15006;

export const TCP_PROXY = 'envoy.filters.network.tcp_proxy';
export const HCM = 'envoy.filters.network.http_connection_manager';

/** The cluster of a service port, or of a subset of it. */
export function outboundCluster(port: number, subset: string, host: string): string {
  return `outbound|${port}|${subset}|${host}`;
}

/**
 * The twin of an outbound cluster for opaque bytes to a port whose protocol is sniffed. The two differ in the ALPN
 * they offer, which is how the server's proxy learns what the client's proxy sniffed: a stock Envoy has no filter
 * that changes ALPN for each request.
 */
export function opaqueCluster(cluster: string): string {
  return `${cluster}|tcp`;
}

/** The cluster of a port of the proxy's own workload. */
export function inboundCluster(port: number): string {
  return `inbound|${port}||`;
}

/** What clients put into SNI when they speak the mesh's mTLS. */
export function meshSni(port: number, subset: string, host: string): string {
  return `outbound_.${port}_.${subset}_.${host}`;
}

/** The route configuration of a sniffed port of one service. */
export function serviceRoute(host: string, port: number): string {
  return `${host}:${port}`;
}
