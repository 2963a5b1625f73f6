import type { Clock, Random } from '../../core/clock.ts';
import { formatAddress } from '../../net/address.ts';
import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import type { Cluster, ClusterManager, Host } from '../cluster/cluster.ts';
import { sourceTo } from '../cluster/source-address.ts';
import { xxHash64 } from '../cluster/lb/hash64.ts';
import { flagBit, type StreamInfo } from '../http/stream-info.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import type { AccessLogger } from '../telemetry/access-log.ts';
import type { Counter, Gauge } from '../telemetry/stats.ts';
import type { TcpProxyConfig } from './tcp-proxy-config.ts';
import { tcpStreamInfo } from './tcp-stream-info.ts';
import { type TcpObserver, tcpObservers } from './tcp-observer.ts';
import type { TcpConnector } from './tcp-upstream.ts';

interface TcpStats {
  readonly total: Counter;
  readonly active: Gauge;
  readonly noRoute: Counter;
  readonly received: Counter;
  readonly sent: Counter;
  readonly idleTimeouts: Counter;
  readonly durationTimeouts: Counter;
}

/** What all sessions of one TCP proxy share. */
export interface TcpScope {
  readonly config: TcpProxyConfig;
  readonly stats: TcpStats;
  readonly clusters: ClusterManager;
  readonly clock: Clock;
  readonly random: Random;
  readonly accessLog: AccessLogger;
  /** Direct, or through tunnels. */
  readonly connector: TcpConnector;
}

const NO_HEALTHY_UPSTREAM = flagBit('UH');
const CONNECT_FAILED = flagBit('UF');
const ATTEMPTS_EXCEEDED = flagBit('URX');
const OVERFLOW = flagBit('UO');
const NO_CLUSTER = flagBit('NC');
const DURATION_TIMEOUT = flagBit('DT');
const IDLE_TIMEOUT = flagBit('SI');

/** How often a host other than the ones that failed is looked for. */
const HOST_SELECTIONS = 5;
/** How long what was written may still flow out after the other side has gone. */
const FLUSH_MS = 5000;

/** Ends a connection whose other side has gone: what was written flows out first, for a bounded time. */
function closeAfterFlush(connection: Connection, reason: string | undefined): void {
  if (connection.isClosed) return;
  if (connection.pendingBytes === 0) {
    connection.destroy(reason);
    return;
  }
  const timer = setTimeout(() => connection.destroy(reason), FLUSH_MS);
  const finish = (): void => {
    clearTimeout(timer);
    connection.destroy(reason);
  };
  connection.read({
    onData() {},
    onEnd: finish,
    onDrain() {
      if (connection.pendingBytes === 0) finish();
    },
    onClose: () => clearTimeout(timer),
  });
  connection.end();
  connection.resume();
}

/**
 * One client's connection and the upstream's, each feeding the other. A side that cannot be written to stops the
 * other one from being read, so that no more is kept than the two sockets' own buffers.
 *
 * connecting: the client is not read. Then open, until each side has ended (half-close passes through) or either is
 * closed.
 */
export class TcpSession {
  readonly #scope: TcpScope;
  readonly #downstream: Connection;
  readonly #info: StreamInfo;
  readonly #observers: readonly TcpObserver[];
  readonly #tried: Host[] = [];
  #upstream: Connection | undefined;
  #cluster: Cluster | undefined;
  #isOver = false;
  #lastActivityMs = 0;
  #idleTimer: NodeJS.Timeout | undefined;
  #durationTimer: NodeJS.Timeout | undefined;

  constructor(scope: TcpScope, connection: Connection, downstream: DownstreamConnection) {
    this.#scope = scope;
    this.#downstream = connection;
    this.#info = tcpStreamInfo(downstream, scope.clock);
    this.#observers = tcpObservers(downstream);
  }

  /** Begins: finds the cluster, connects, and lets bytes flow. */
  start(): void {
    const { config, stats, clusters } = this.#scope;
    stats.total.value++;
    stats.active.value++;
    this.#downstream.pause();
    this.#downstream.read(this.#downstreamHandlers());
    if (config.maxDurationMs > 0) this.#durationTimer = setTimeout(() => this.#expire(), config.maxDurationMs);
    const name = config.chooseCluster(this.#scope.random());
    this.#info.clusterName = name;
    const cluster = clusters.get(name);
    const waitMs = config.onDemandMs ?? clusters.onDemandMs ?? 0;
    if (cluster === undefined && waitMs > 0) clusters.request(name, waitMs, (found) => this.#useCluster(found));
    else this.#useCluster(cluster);
  }

  #useCluster(cluster: Cluster | undefined): void {
    if (this.#isOver) return;
    if (cluster === undefined) {
      this.#scope.stats.noRoute.value++;
      this.#fail(NO_CLUSTER, 'cluster_not_found');
      return;
    }
    this.#cluster = cluster;
    this.#info.cluster = cluster;
    this.#connect(cluster);
  }

  /** Ends the connection where the cluster has as many as it may. */
  #isFull({ limits, stats }: Cluster): boolean {
    if (limits.connections.value < limits.maxConnections) return false;
    stats.counter('upstream_cx_overflow').value++;
    this.#fail(OVERFLOW, 'overflow');
    return true;
  }

  #connect(cluster: Cluster): void {
    const { connection } = this.#info;
    if (this.#isFull(cluster)) return;
    const host = cluster.pick({
      hash: this.#scope.config.hashesSource ? xxHash64(connection.remote.host) : undefined,
      avoid: this.#tried,
      avoidAttempts: HOST_SELECTIONS,
      originalDestination: connection.isRedirected ? connection.local : undefined,
      info: this.#info,
    });
    if (host === undefined) {
      this.#fail(NO_HEALTHY_UPSTREAM, 'no_healthy_upstream');
      return;
    }
    // of an aggregate cluster, the one that the host is of
    const owner = host.cluster ?? cluster;
    if (owner === cluster || !this.#isFull(owner)) this.#dial(owner, host);
  }

  #dial(cluster: Cluster, host: Host): void {
    this.#info.attempts++;
    this.#info.upstream = host;
    host.requestsTotal.value++;
    const { connector } = this.#scope;
    const isCounted = !connector.countsConnections;
    if (isCounted) {
      host.activeConnections++;
      cluster.limits.connections.value++;
      cluster.stats.counter('upstream_cx_total').value++;
    }
    const release = (): void => {
      if (!isCounted) return;
      host.activeConnections--;
      cluster.limits.connections.value--;
    };
    let isConnected = false;
    const bind = sourceTo(cluster.sourceAddresses, host.address.host);
    connector.connectUpstream(
      host,
      { timeoutMs: cluster.connectTimeoutMs, cluster, info: this.#info, ...(bind === undefined ? {} : { bind }) },
      {
        ...this.#upstreamHandlers(cluster),
        onConnect: (upstream) => {
          isConnected = true;
          // not by `onClose`: while a connection flushes, its handlers are others
          upstream.afterClose = release;
          this.#connected(upstream, host);
        },
        onClose: (error) => {
          if (isConnected) {
            this.#upstreamClosed(cluster, error);
            return;
          }
          release();
          this.#connectFailed(cluster, host, error ?? 'connection failure');
        },
      },
    );
  }

  #connectFailed(cluster: Cluster, host: Host, error: string): void {
    const isTimeout = error === 'connection timeout';
    host.report({ kind: 'local-origin-failure', cause: isTimeout ? 'timeout' : 'connect-failure' });
    cluster.stats.counter('upstream_cx_connect_fail').value++;
    if (isTimeout) cluster.stats.counter('upstream_cx_connect_timeout').value++;
    if (this.#isOver) return;
    this.#info.upstreamTransportFailure = error;
    this.#tried.push(host);
    if (this.#info.attempts < this.#scope.config.maxConnectAttempts) {
      this.#connect(this.#cluster ?? cluster);
      return;
    }
    cluster.stats.counter('upstream_cx_connect_attempts_exceeded').value++;
    this.#fail(CONNECT_FAILED | ATTEMPTS_EXCEEDED, `upstream_connect_failure: ${error}`);
  }

  #connected(upstream: Connection, host: Host): void {
    if (this.#isOver) {
      upstream.destroy();
      return;
    }
    this.#upstream = upstream;
    this.#info.upstreamLocalAddress = formatAddress(upstream.local);
    this.#info.upstreamTransportFailure = '';
    host.report({ kind: 'status', status: 200 });
    for (const observer of this.#observers) observer.onConnected(this.#info);
    this.#touch();
    this.#armIdleTimer();
    this.#downstream.resume();
  }

  #downstreamHandlers(): ConnectionHandlers {
    return {
      onData: (bytes) => {
        this.#info.bytesReceived += bytes.length;
        this.#scope.stats.received.value += bytes.length;
        this.#touch();
        if (this.#upstream?.writeBytes(bytes, true) === false) this.#downstream.pause();
      },
      onEnd: () => this.#upstream?.end(),
      onDrain: () => this.#upstream?.resume(),
      onClose: (error) => this.#downstreamClosed(error),
    };
  }

  #upstreamHandlers(cluster: Cluster): Pick<ConnectionHandlers, 'onData' | 'onEnd' | 'onDrain'> {
    const received = cluster.stats.counter('upstream_cx_rx_bytes_total');
    return {
      onData: (bytes) => {
        if (this.#info.bytesSent === 0) this.#info.firstUpstreamByteMs = this.#scope.clock.monotonicMs();
        this.#info.bytesSent += bytes.length;
        this.#scope.stats.sent.value += bytes.length;
        received.value += bytes.length;
        this.#touch();
        if (!this.#downstream.writeBytes(bytes, true)) this.#upstream?.pause();
      },
      onEnd: () => this.#downstream.end(),
      onDrain: () => this.#downstream.resume(),
    };
  }

  #downstreamClosed(error: string | undefined): void {
    const upstream = this.#upstream;
    if (error !== undefined && this.#info.terminationDetails === '') this.#info.terminationDetails = error;
    if (error === 'ECONNRESET') upstream?.destroy(error, true);
    else if (upstream !== undefined) closeAfterFlush(upstream, undefined);
    this.#finish();
  }

  #upstreamClosed(cluster: Cluster, error: string | undefined): void {
    cluster.stats.counter('upstream_cx_destroy').value++;
    if (this.#isOver) return;
    if (error !== undefined) this.#info.terminationDetails = error;
    if (error === 'ECONNRESET') this.#downstream.destroy(error, true);
    else closeAfterFlush(this.#downstream, error);
    if (!this.#downstream.isClosed) this.#finish();
  }

  #fail(flags: number, details: string): void {
    this.#info.flags |= flags;
    this.#info.terminationDetails = details;
    this.#downstream.destroy(details);
  }

  #expire(): void {
    this.#scope.stats.durationTimeouts.value++;
    this.#close(DURATION_TIMEOUT, 'max_downstream_connection_duration');
  }

  #close(flag: number, details: string): void {
    this.#info.flags |= flag;
    this.#info.terminationDetails = details;
    this.#upstream?.destroy();
    this.#downstream.destroy(details);
  }

  #touch(): void {
    this.#lastActivityMs = this.#scope.clock.monotonicMs();
  }

  /** One timer a connection, set anew only when it fires: not for every byte that moves. */
  #armIdleTimer(): void {
    const { idleTimeoutMs } = this.#scope.config;
    if (idleTimeoutMs === 0 || this.#isOver) return;
    const leftMs = this.#lastActivityMs + idleTimeoutMs - this.#scope.clock.monotonicMs();
    if (leftMs > 0) {
      this.#idleTimer = setTimeout(() => this.#armIdleTimer(), Math.ceil(leftMs));
      return;
    }
    this.#scope.stats.idleTimeouts.value++;
    this.#close(IDLE_TIMEOUT, 'idle_timeout');
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#durationTimer);
    this.#scope.stats.active.value--;
    this.#info.endMs = this.#scope.clock.monotonicMs();
    const cluster = this.#cluster;
    if (cluster !== undefined) cluster.stats.counter('upstream_cx_tx_bytes_total').value += this.#info.bytesReceived;
    for (const observer of this.#observers) observer.onClose(this.#info);
    this.#scope.accessLog.log(this.#info);
  }
}
