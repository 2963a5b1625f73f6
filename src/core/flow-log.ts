/**
 * How flow records travel: as entries of Envoy's access log service, under a log name of their own, with what entries
 * have no field for in custom tags. The compiler asks for the tags, proxies write them, the control plane reads them.
 */

/** `log_name` of the entries that are flow records. */
export const FLOW_LOG = 'tulle.flows';

/** Names of custom tags; one that has nothing to say is absent. */
export const FLOW_TAG = {
  /** `source`, `destination` or `gateway`. */
  reporter: 'reporter',
  /** The cluster that was chosen, also where there was no host. */
  cluster: 'cluster',
  /** Provenance of the route, as JSON. */
  route: 'route',
  /** The policy that said no, as JSON: `policy`, and where it was written. */
  policy: 'policy',
  /** The other side's workload: `name;namespace;…`, as endpoints' metadata have it. */
  peer: 'peer',
  /** SPIFFE ID of the upstream by mTLS. */
  upstreamPrincipal: 'upstream-principal',
  /** SPIFFE IDs of a tunnel's two ends, where a connection came through one and has no certificates of its own. */
  tunnelPeer: 'tunnel-peer',
  tunnelLocal: 'tunnel-local',
  trace: 'trace',
  /** A number. */
  grpcStatus: 'grpc-status',
  /** The connection's number, of TCP. */
  connection: 'connection',
  /** Set where a listener itself tells: no filter chain of it took the connection. */
  refused: 'refused',
} as const;

/**
 * Node metadata, under `TULLE`, in which a proxy says with its flow records how many it has given up since it last
 * said so.
 */
export const LOST_FLOWS_KEY = 'lostFlows';
