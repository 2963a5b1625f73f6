/** CONNECT that ends here: what the tunnel carries goes to the host as plain bytes. Envoy: UpgradeConfig.ConnectConfig. */
import { formatAddress } from '../../net/address.ts';
import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import { HeaderBlock } from '../../wire/http/headers.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { Cluster, Host, Limits, UpstreamTls } from './cluster.ts';
import { untilConnected } from './connecting.ts';
import { type PoolWaiter, TOO_MANY_REQUESTS } from './http-pool.ts';
import { type ClusterHttpStats, clusterHttpStats } from './http-stats.ts';
import type { OutgoingRequest, ResponseReader, UpstreamStream } from './http-upstream.ts';
import { sourceTo } from './source-address.ts';

/** A connection to a host as the upstream side of a tunnel. */
class Tunnel implements UpstreamStream, ConnectionHandlers {
  readonly protocol = 'HTTP/1.1';
  readonly isHalfOpen = true;
  readonly localAddress: string;
  readonly tls: UpstreamTls | undefined;
  readonly #connection: Connection;
  readonly #onGone: () => void;
  #reader: ResponseReader | undefined = undefined;
  #hasEnded = false;

  constructor(connection: Connection, tls: UpstreamTls | undefined, onGone: () => void) {
    this.#connection = connection;
    this.tls = tls;
    this.localAddress = formatAddress(connection.local);
    this.#onGone = onGone;
    // nothing is read before somebody reads it
    connection.pause();
    connection.read(this);
  }

  sendHead(_request: OutgoingRequest, _upgrade: string, _isEnd: boolean, reader: ResponseReader): void {
    this.#reader = reader;
    queueMicrotask(() => {
      this.#reader?.onResponseHead({ status: 200, headers: new HeaderBlock(), contentLength: -1, upgrade: '' }, false);
      this.#connection.resume();
    });
  }

  sendData(view: Uint8Array): boolean {
    return this.#connection.writeBytes(view, true);
  }

  sendEnd(): void {
    if (this.#hasEnded) this.#reader = undefined;
    this.#connection.end();
  }

  abandon(): void {
    this.destroy();
  }

  /** The tunnel was broken off, which the host learns as of a connection. */
  destroy(): void {
    this.#reader = undefined;
    this.#connection.destroy(undefined, true);
  }

  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  onData(bytes: Uint8Array): void {
    this.#reader?.onResponseData(bytes);
  }

  onEnd(): void {
    this.#hasEnded = true;
    this.#reader?.onResponseEnd(undefined);
  }

  onDrain(): void {
    this.#reader?.onUpstreamDrain();
  }

  onClose(error: string | undefined): void {
    this.#onGone();
    const reader = this.#reader;
    this.#reader = undefined;
    if (!this.#hasEnded || error !== undefined) reader?.onUpstreamReset('connection termination', error ?? '');
  }
}

/** Makes one connection for one request, under the cluster's limits. */
export class TunnelSource {
  readonly #cluster: Cluster;
  readonly #host: Host;
  readonly #limits: Limits;
  readonly #stats: ClusterHttpStats;
  readonly #info: StreamInfo;
  readonly #preface: Uint8Array | undefined;
  #waiter: PoolWaiter | undefined = undefined;

  /** `info` is the request's, whose shared filter state goes along to internal listeners; `preface` is what the host gets first. */
  constructor(cluster: Cluster, host: Host, limits: Limits, info: StreamInfo, preface?: Uint8Array) {
    this.#cluster = cluster;
    this.#host = host;
    this.#limits = limits;
    this.#info = info;
    this.#preface = preface;
    this.#stats = clusterHttpStats(cluster.stats);
  }

  acquire(waiter: PoolWaiter): void {
    const { connections, maxConnections } = this.#limits;
    if (connections.value >= maxConnections) {
      this.#stats.upstream_cx_overflow.value++;
      return waiter.onPoolFailure('overflow', '');
    }
    this.#waiter = waiter;
    connections.value++;
    this.#host.activeConnections++;
    this.#stats.upstream_cx_total.value++;
    this.#connect();
  }

  cancel(): void {
    this.#waiter = undefined;
  }

  #connect(): void {
    const { sourceAddresses, connectTimeoutMs } = this.#cluster;
    const bind = sourceTo(sourceAddresses, this.#host.address.host);
    const options = { timeoutMs: connectTimeoutMs, info: this.#info, ...(bind === undefined ? {} : { bind }) };
    const handlers = untilConnected(
      (connection, tls) => {
        if (this.#preface !== undefined) connection.writeBytes(this.#preface, false);
        const tunnel = new Tunnel(connection, tls, () => this.#gone());
        const { requests, maxRequests } = this.#limits;
        if (this.#waiter !== undefined && requests.value < maxRequests) return this.#waiter.onPoolReady(tunnel);
        tunnel.destroy();
        if (this.#waiter === undefined) return;
        this.#stats.upstream_rq_active_overflow.value++;
        this.#waiter.onPoolFailure('overflow', TOO_MANY_REQUESTS);
      },
      (error = '') => this.#failed(error),
    );
    this.#host.transport.connect(this.#host, options, handlers);
  }

  #failed(detail: string): void {
    this.#gone();
    this.#stats.upstream_cx_connect_fail.value++;
    const isTimeout = detail === 'connection timeout';
    if (isTimeout) this.#stats.upstream_cx_connect_timeout.value++;
    this.#waiter?.onPoolFailure(isTimeout ? 'connection timeout' : 'connection failure', detail);
  }

  #gone(): void {
    this.#limits.connections.value--;
    this.#host.activeConnections--;
    this.#stats.upstream_cx_destroy.value++;
  }
}
