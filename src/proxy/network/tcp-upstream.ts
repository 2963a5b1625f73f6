/**
 * How a TCP proxy gets its connection to a host: directly by the host's transport, or through a tunnel. What comes out is
 * a Connection either way, so that the session that feeds it knows no difference.
 */
import type { Cluster, ConnectOptions, Host, TransportHandlers } from '../cluster/cluster.ts';
import type { StreamInfo } from '../http/stream-info.ts';

/** What a connection to an upstream is asked with. */
export interface TcpConnectOptions extends ConnectOptions {
  readonly cluster: Cluster;
  /** The downstream connection's: its addresses, names, filter state and metadata; a connector may add to it. */
  readonly info: StreamInfo;
}

/**
 * One way to connect to hosts. Exactly one of `onConnect` and `onClose` is called first; before `onConnect`, `onClose`
 * tells of a failure (`connection timeout`, else a short cause), and nothing follows. Bytes of the host come only once
 * the handlers are read with. A caller that has lost interest destroys the connection that it is given.
 */
export interface TcpConnector {
  /**
   * True where the connector itself counts `upstream_cx_*`, `Limits.connections` and `Host.activeConnections`, as pools
   * of HTTP connections do; false where the TCP proxy has to.
   */
  readonly countsConnections: boolean;
  connectUpstream(host: Host, options: TcpConnectOptions, handlers: TransportHandlers): void;
}

/** One connection of the host's transport for each of the client's. */
export const directConnector: TcpConnector = {
  countsConnections: false,
  connectUpstream: (host, options, handlers) => host.transport.connect(host, options, handlers),
};
