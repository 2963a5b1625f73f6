/**
 * HTTP/1.1 connections to one host. The connection used last is used next, so that those not needed grow old and go.
 * Limits are the cluster's: a request that finds no room is refused at once (`overflow`), as Envoy's circuit breakers do.
 */
import type { Clock } from '../../core/clock.ts';
import type { Connection } from '../../net/connection.ts';
import type { ResetReason } from '../router/retry-decision.ts';
import { type Timers, timersOf, type WheelTimer } from '../timers.ts';
import type { Cluster, Host } from './cluster.ts';
import { type ClientOwner, Http1Client } from './http1-client.ts';
import { sourceTo } from './source-address.ts';
import { type ClusterHttpStats, clusterHttpStats } from './http-stats.ts';
import type { UpstreamStream } from './http-upstream.ts';

/** Who waits for a connection. Exactly one of the two is called, unless `cancel` came before. */
export interface PoolWaiter {
  onPoolReady(stream: UpstreamStream): void;
  /** `detail` is the transport's word, e.g. `ECONNREFUSED`. */
  onPoolFailure(reason: ResetReason, detail: string): void;
}

const CONNECT_TIMEOUT = 'connection timeout';

export class HttpPool implements ClientOwner {
  readonly stats: ClusterHttpStats;
  readonly #cluster: Cluster;
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #idle: Http1Client[] = [];
  readonly #clients = new Set<Http1Client>();
  readonly #waiting: PoolWaiter[] = [];
  #connecting = 0;
  #isClosing = false;
  #sweeper: WheelTimer | undefined = undefined;

  constructor(cluster: Cluster, host: Host, clock: Clock) {
    this.#cluster = cluster;
    this.#host = host;
    this.#clock = clock;
    this.#timers = timersOf(clock);
    this.stats = clusterHttpStats(cluster.stats);
  }

  /** Gets a connection, now or later. The caller has counted its request in the cluster's limits. */
  acquire(waiter: PoolWaiter): void {
    const client = this.#takeIdle();
    if (client !== undefined) return waiter.onPoolReady(client);
    const { limits } = this.#cluster;
    if (limits.pending.value >= limits.maxPendingRequests) {
      this.stats.upstream_rq_pending_overflow.value++;
      return waiter.onPoolFailure('overflow', '');
    }
    this.stats.upstream_rq_pending_total.value++;
    limits.pending.value++;
    this.#waiting.push(waiter);
    if (this.#connecting < this.#waiting.length) this.#grow();
  }

  /** The waiter no longer waits. */
  cancel(waiter: PoolWaiter): void {
    const index = this.#waiting.indexOf(waiter);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.#cluster.limits.pending.value--;
    this.stats.upstream_rq_cancelled.value++;
  }

  /** Closes idle connections now, and others when their request is over. */
  drain(): void {
    this.#isClosing = true;
    this.#timers.cancel(this.#sweeper);
    for (const client of this.#clients) this.#retire(client);
  }

  onIdle(client: Http1Client): void {
    const { maxRequestsPerConnection, idleTimeoutMs } = this.#cluster;
    if (maxRequestsPerConnection > 0 && client.requests >= maxRequestsPerConnection) {
      this.stats.upstream_cx_max_requests.value++;
      return this.#retire(client);
    }
    const waiter = this.#nextWaiter();
    if (waiter !== undefined) return waiter.onPoolReady(client);
    if (this.#isClosing) return this.#retire(client);
    client.idleSinceMs = idleTimeoutMs > 0 ? this.#clock.monotonicMs() : 0;
    this.#idle.push(client);
    if (idleTimeoutMs > 0 && this.#sweeper === undefined) this.#sweeper = this.#timers.after(idleTimeoutMs, () => this.#sweep());
  }

  onClosed(client: Http1Client): void {
    this.#clients.delete(client);
    const index = this.#idle.indexOf(client);
    if (index >= 0) this.#idle.splice(index, 1);
    this.stats.upstream_cx_destroy.value++;
    if (client.isBusy) this.stats.upstream_cx_destroy_with_active_rq.value++;
    this.#disconnected();
    // There may be waiters that found the cluster full of connections.
    if (this.#waiting.length > this.#connecting) this.#grow();
  }

  #takeIdle(): Http1Client | undefined {
    const client = this.#idle.pop();
    return client === undefined || !(client.isClosed || client.isRetired) ? client : this.#takeIdle();
  }

  #nextWaiter(): PoolWaiter | undefined {
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) this.#cluster.limits.pending.value--;
    return waiter;
  }

  #retire(client: Http1Client): void {
    client.isRetired = true;
    if (!client.isBusy) client.close();
  }

  #grow(): void {
    const { limits } = this.#cluster;
    // A pool without any connection gets one whatever the cluster has: its requests would wait for nothing.
    if (limits.connections.value >= limits.maxConnections && this.#clients.size + this.#connecting > 0) {
      this.stats.upstream_cx_overflow.value++;
      return;
    }
    this.#connect();
  }

  #connect(): void {
    const { sourceAddresses, connectTimeoutMs, limits } = this.#cluster;
    const bind = sourceTo(sourceAddresses, this.#host.address.host);
    this.#connecting++;
    limits.connections.value++;
    this.#host.activeConnections++;
    this.stats.upstream_cx_total.value++;
    this.stats.upstream_cx_http1_total.value++;
    let isConnected = false;
    const options = { timeoutMs: connectTimeoutMs, alpnFallback: ['http/1.1'], ...(bind === undefined ? {} : { bind }) };
    this.#host.transport.connect(this.#host, options, {
      onConnect: (connection) => {
        isConnected = true;
        this.#connected(connection);
      },
      onClose: (error) => {
        if (!isConnected) this.#failed(error ?? '');
      },
      onData() {},
      onEnd() {},
      onDrain() {},
    });
  }

  #connected(connection: Connection): void {
    this.#connecting--;
    const client = new Http1Client(connection, this);
    this.#clients.add(client);
    const { maxConnectionDurationMs } = this.#cluster;
    if (maxConnectionDurationMs > 0) this.#timers.after(maxConnectionDurationMs, () => this.#expire(client));
    this.onIdle(client);
  }

  /** A host that cannot be reached fails all that wait for it, so that each can be tried elsewhere. */
  #failed(detail: string): void {
    this.#connecting--;
    this.#disconnected();
    const isTimeout = detail === CONNECT_TIMEOUT;
    if (isTimeout) this.stats.upstream_cx_connect_timeout.value++;
    this.stats.upstream_cx_connect_fail.value++;
    const waiting = this.#waiting.splice(0);
    this.#cluster.limits.pending.value -= waiting.length;
    this.stats.upstream_rq_pending_failure_eject.value += waiting.length;
    for (const waiter of waiting) waiter.onPoolFailure(isTimeout ? 'connection timeout' : 'connection failure', detail);
  }

  #disconnected(): void {
    this.#cluster.limits.connections.value--;
    this.#host.activeConnections--;
  }

  #expire(client: Http1Client): void {
    if (client.isClosed) return;
    this.stats.upstream_cx_max_duration_reached.value++;
    this.#retire(client);
  }

  #sweep(): void {
    this.#sweeper = undefined;
    const { idleTimeoutMs } = this.#cluster;
    const oldestMs = this.#clock.monotonicMs() - idleTimeoutMs;
    for (const client of this.#idle.filter((each) => each.idleSinceMs <= oldestMs)) {
      this.stats.upstream_cx_idle_timeout.value++;
      client.close();
    }
    const next = this.#idle.find((each) => each.idleSinceMs > oldestMs);
    if (next !== undefined) this.#sweeper = this.#timers.after(next.idleSinceMs - oldestMs, () => this.#sweep());
  }
}

/** The pool of a host, made on first use. */
export function poolOf(cluster: Cluster, host: Host, clock: Clock): HttpPool {
  if (host.pool instanceof HttpPool) return host.pool;
  const pool = new HttpPool(cluster, host, clock);
  host.pool = pool;
  return pool;
}

/** The host has left its cluster: its connections close as soon as nothing runs on them. */
export function drainPool(host: Host): void {
  if (host.pool instanceof HttpPool) host.pool.drain();
}
