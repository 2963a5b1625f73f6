import type { Connection } from '../../net/connection.ts';
import type { Cluster, Host, TransportHandlers, UpstreamTls } from '../cluster/cluster.ts';
import { type TcpClusterStats, tcpClusterStats } from './tcp-stats.ts';

/** Who an attempt at an upstream works for. */
export interface LegOwner {
  onUpstreamConnected(leg: UpstreamLeg, connection: Connection, tls: UpstreamTls | undefined): void;
  /** There is no connection: a short cause. */
  onConnectFailure(leg: UpstreamLeg, error: string): void;
  onUpstreamData(bytes: Uint8Array): void;
  onUpstreamEnd(): void;
  onUpstreamDrain(): void;
  onUpstreamClose(leg: UpstreamLeg, error: string | undefined): void;
}

/** One attempt at a host, and the connection that comes of it. It counts the cluster's `upstream_cx_*`. */
export class UpstreamLeg implements TransportHandlers {
  readonly cluster: Cluster;
  readonly host: Host;
  readonly stats: TcpClusterStats;
  readonly #owner: LegOwner;
  readonly #isCounted: boolean;
  #isConnected = false;
  #isOpen = true;

  /** `isCounted`: connections are this leg's to count. */
  constructor(cluster: Cluster, host: Host, owner: LegOwner, isCounted: boolean) {
    this.cluster = cluster;
    this.host = host;
    this.stats = tcpClusterStats(cluster.stats);
    this.#owner = owner;
    this.#isCounted = isCounted;
    if (!isCounted) return;
    // what is under way, for balancing: a connection counts as a request
    host.activeRequests++;
    host.activeConnections++;
    cluster.limits.connections.value++;
    this.stats.upstream_cx_total.value++;
    this.stats.upstream_rq_total.value++;
    this.stats.upstream_rq_pending_total.value++;
  }

  onConnect(connection: Connection, tls?: UpstreamTls): void {
    this.#isConnected = true;
    // not by `onClose`: while a connection flushes, its handlers are others
    connection.afterClose = () => this.#release();
    this.#owner.onUpstreamConnected(this, connection, tls);
  }

  onData(bytes: Uint8Array): void {
    this.stats.upstream_cx_rx_bytes_total.value += bytes.length;
    this.#owner.onUpstreamData(bytes);
  }

  onEnd(): void {
    this.#owner.onUpstreamEnd();
  }

  onDrain(): void {
    this.#owner.onUpstreamDrain();
  }

  onClose(error: string | undefined): void {
    if (this.#isConnected) {
      this.#owner.onUpstreamClose(this, error);
      return;
    }
    this.#release();
    if (this.#isCounted) this.#countFailure(error);
    this.#owner.onConnectFailure(this, error ?? 'connection failure');
  }

  #countFailure(error: string | undefined): void {
    this.stats.upstream_cx_connect_fail.value++;
    this.stats.upstream_rq_pending_failure_eject.value++;
    if (error === 'connection timeout') this.stats.upstream_cx_connect_timeout.value++;
  }

  #release(): void {
    if (!this.#isOpen || !this.#isCounted) return;
    this.#isOpen = false;
    this.host.activeRequests--;
    this.host.activeConnections--;
    this.cluster.limits.connections.value--;
  }
}
