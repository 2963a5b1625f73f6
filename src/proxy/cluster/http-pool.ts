/**
 * HTTP connections to one host. The connection used last is used next, so that those not needed grow old and go; one of
 * HTTP/2 takes many requests at a time, and another is made when it is full. Limits are the cluster's: a request that
 * finds no room is refused at once (`overflow`), as Envoy's circuit breakers do.
 */
import type { Clock } from '../../core/clock.ts';
import type { Connection } from '../../net/connection.ts';
import type { SharedState } from '../http/shared-state.ts';
import type { ResetReason } from '../router/retry-decision.ts';
import { type Timers, timersOf, type WheelTimer } from '../timers.ts';
import type { Cluster, Host, Limits, UpstreamTls } from './cluster.ts';
import { untilConnected } from './connecting.ts';
import type { MemberOwner, PoolMember } from './http-member.ts';
import { Http1Client } from './http1-client.ts';
import { Http2Client } from './http2-client.ts';
import { observe } from '../telemetry/stats.ts';
import { HTTP2_NAMES } from '../tls/upstream.ts';
import { sourceTo } from './source-address.ts';
import { type ClusterHttpStats, clusterHttp2Stats, clusterHttpStats } from './http-stats.ts';
import type { UpstreamStream } from './http-upstream.ts';

/** Who waits for a connection. Exactly one of the two is called, unless `cancel` came before. */
export interface PoolWaiter {
  /** The stream is the waiter's, who sends a head on it at once. */
  onPoolReady(stream: UpstreamStream): void;
  /** `detail` is the transport's word, e.g. `ECONNREFUSED`. */
  onPoolFailure(reason: ResetReason, detail: string): void;
}

/** What a pool's connections speak: one version, or what ALPN comes to. */
export type PoolProtocol = 'http1' | 'http2' | 'auto';

/** What a pool's connections have in common besides their protocol. */
export interface PoolKind {
  /** Server name to ask for; '' for what the transport is configured to send. */
  readonly sni: string;
  /** What is offered by ALPN, whatever the transport is configured to; absent for that. */
  readonly alpn?: readonly string[] | undefined;
  /** Filter state that they take along. */
  readonly shared?: SharedState | undefined;
}

/** What is offered by ALPN where the TLS context says nothing. */
const OFFERS: Readonly<Record<PoolProtocol, readonly string[]>> = {
  http1: ['http/1.1'],
  http2: ['h2'],
  auto: ['h2', 'http/1.1'],
};

const CONNECT_TIMEOUT = 'connection timeout';
/** Why a pool that has a connection gives none. */
export const TOO_MANY_REQUESTS = 'too many requests';

export class HttpPool implements MemberOwner {
  readonly stats: ClusterHttpStats;
  /** As it was asked for. */
  readonly protocol: PoolProtocol;
  /** '' for what the transport is configured to send. */
  readonly sni: string;
  /** What its connections offer by ALPN, where a filter says so. */
  readonly alpn: readonly string[] | undefined;
  readonly limits: Limits;
  /** Filter state that its connections take along. */
  readonly shared: SharedState | undefined;
  readonly #cluster: Cluster;
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #timers: Timers;
  /** As it is spoken: without TLS there is nothing to negotiate. */
  readonly #protocol: PoolProtocol;
  /** Those with room, the one used last at the end. */
  readonly #listed: PoolMember[] = [];
  readonly #members = new Set<PoolMember>();
  readonly #waiting: PoolWaiter[] = [];
  #connecting = 0;
  /** Requests that a connection on its way is expected to take. */
  #roomExpected: number;
  /** Streams that the host took on the connection that said so last. */
  #hostStreams: number | undefined = undefined;
  #isClosing = false;
  #sweeper: WheelTimer | undefined = undefined;

  constructor(cluster: Cluster, host: Host, clock: Clock, limits: Limits, protocol: PoolProtocol, { sni, alpn, shared }: PoolKind) {
    this.shared = shared;
    this.protocol = protocol;
    this.sni = sni;
    this.alpn = alpn;
    this.limits = limits;
    this.#cluster = cluster;
    this.#host = host;
    this.#clock = clock;
    this.#timers = timersOf(clock);
    this.#protocol = protocol === 'auto' && !host.transport.isTls ? 'http1' : protocol;
    this.#roomExpected = this.#protocol === 'http1' ? 1 : cluster.http.http2.options.maxConcurrentStreams;
    this.stats = clusterHttpStats(cluster.stats);
  }

  /** Nothing is connected or waits. */
  get isEmpty(): boolean {
    return this.#members.size + this.#connecting + this.#waiting.length === 0;
  }

  /** Gets a connection, now or later. Who gets one counts its request in the cluster's limits. */
  acquire(waiter: PoolWaiter): void {
    const member = this.#takeListed();
    if (member !== undefined) return this.#give(member, waiter);
    const { limits } = this;
    if (limits.pending.value >= limits.maxPendingRequests) {
      this.stats.upstream_rq_pending_overflow.value++;
      return waiter.onPoolFailure('overflow', '');
    }
    this.stats.upstream_rq_pending_total.value++;
    limits.pending.value++;
    this.#waiting.push(waiter);
    if (this.#needsConnection) this.#grow();
  }

  /** The waiter no longer waits. */
  cancel(waiter: PoolWaiter): void {
    const index = this.#waiting.indexOf(waiter);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.limits.pending.value--;
    this.stats.upstream_rq_cancelled.value++;
  }

  /** Closes idle connections now, and others when their requests are over. */
  drain(): void {
    this.#isClosing = true;
    this.#timers.cancel(this.#sweeper);
    for (const member of this.#members) this.#retire(member);
  }

  /** As `drain`, but other requests get new connections. */
  renew(): void {
    for (const member of this.#members) this.#retire(member);
  }

  onRoom(member: PoolMember): void {
    while (this.#waiting.length > 0 && member.hasRoom) {
      const waiter = this.#waiting.shift();
      this.limits.pending.value--;
      if (waiter !== undefined) this.#give(member, waiter);
    }
    if (this.#isClosing) return this.#retire(member);
    if (!member.hasRoom) return;
    if (!member.isListed) {
      member.isListed = true;
      this.#listed.push(member);
    }
    if (!member.isBusy) this.#idle(member);
  }

  onStreamLimit(streams: number): void {
    this.#hostStreams = streams;
    this.#roomExpected = this.#http2Room;
  }

  onClosed(member: PoolMember): void {
    this.#members.delete(member);
    if (member.isListed) this.#listed.splice(this.#listed.indexOf(member), 1);
    member.isListed = false;
    this.#countEnd(member);
    this.#disconnected();
    // There may be waiters that found the cluster full of connections.
    if (this.#needsConnection) this.#grow();
  }

  #countEnd({ isBusy, isClosedByUs, openedMs }: PoolMember): void {
    const { stats } = this;
    observe(stats.upstream_cx_length_ms, this.#clock.monotonicMs() - openedMs);
    stats.upstream_cx_destroy.value++;
    if (isClosedByUs) stats.upstream_cx_destroy_local.value++;
    else stats.upstream_cx_destroy_remote.value++;
    if (!isBusy) return;
    stats.upstream_cx_destroy_with_active_rq.value++;
    if (isClosedByUs) stats.upstream_cx_destroy_local_with_active_rq.value++;
    else stats.upstream_cx_destroy_remote_with_active_rq.value++;
  }

  get #needsConnection(): boolean {
    return this.#connecting * this.#roomExpected < this.#waiting.length;
  }

  get #http2Room(): number {
    return Math.min(this.#cluster.http.http2.options.maxConcurrentStreams, Math.max(1, this.#hostStreams ?? Infinity));
  }

  #idle(member: PoolMember): void {
    const { idleTimeoutMs } = this.#cluster.http;
    member.idleSinceMs = this.#clock.monotonicMs();
    if (idleTimeoutMs <= 0) return;
    this.#sweeper ??= this.#timers.after(idleTimeoutMs, () => this.#sweep());
  }

  /** The last member with room; those that have lost theirs, or wait for too long already, leave the list. */
  #takeListed(): PoolMember | undefined {
    for (;;) {
      const member = this.#listed.at(-1);
      if (member === undefined || (member.hasRoom && !this.#isStale(member))) return member;
      this.#listed.pop();
      member.isListed = false;
      if (member.hasRoom) this.#closeIdle(member);
    }
  }

  /** Its host is about to end it, if it has not done so already. */
  #isStale({ isBusy, keptMs, idleSinceMs }: PoolMember): boolean {
    return keptMs !== Infinity && !isBusy && this.#clock.monotonicMs() - idleSinceMs >= keptMs;
  }

  #closeIdle(member: PoolMember): void {
    this.stats.upstream_cx_idle_timeout.value++;
    member.close();
  }

  #give(member: PoolMember, waiter: PoolWaiter): void {
    const { limits } = this;
    if (limits.requests.value >= limits.maxRequests) {
      this.stats.upstream_rq_active_overflow.value++;
      return waiter.onPoolFailure('overflow', TOO_MANY_REQUESTS);
    }
    const { maxRequestsPerConnection } = this.#cluster.http;
    const stream = member.open();
    if (maxRequestsPerConnection > 0 && member.requests >= maxRequestsPerConnection) {
      this.stats.upstream_cx_max_requests.value++;
      member.isRetired = true;
    }
    waiter.onPoolReady(stream);
  }

  #retire(member: PoolMember): void {
    member.isRetired = true;
    if (!member.isBusy) member.close();
  }

  #grow(): void {
    const { limits } = this;
    // A pool without any connection gets one whatever the cluster has: its requests would wait for nothing.
    const isHostFull = limits.maxConnectionsPerHost !== undefined && this.#host.activeConnections >= limits.maxConnectionsPerHost;
    if (isHostFull || limits.connections.value >= limits.maxConnections) {
      this.stats.upstream_cx_overflow.value++;
      if (this.#members.size + this.#connecting > 0) return;
    }
    this.#connect();
  }

  #connect(): void {
    const { sourceAddresses, connectTimeoutMs } = this.#cluster;
    const bind = sourceTo(sourceAddresses, this.#host.address.host);
    this.#connecting++;
    this.limits.connections.value++;
    this.#host.activeConnections++;
    this.stats.upstream_cx_total.value++;
    const startMs = this.#clock.monotonicMs();
    const options = {
      timeoutMs: connectTimeoutMs,
      alpnFallback: OFFERS[this.#protocol],
      isHttp1Only: this.#protocol === 'http1',
      ...(bind === undefined ? {} : { bind }),
      ...(this.sni === '' ? {} : { sni: this.sni }),
      ...(this.alpn === undefined ? {} : { alpn: this.alpn }),
      ...(this.shared === undefined ? {} : { shared: this.shared }),
    };
    const handlers = untilConnected(
      (connection, tls) => {
        observe(this.stats.upstream_cx_connect_ms, this.#clock.monotonicMs() - startMs);
        const isChosen = this.#protocol === 'auto' && HTTP2_NAMES.has(tls?.alpn ?? '');
        this.#connected(connection, tls, this.#protocol === 'http2' || isChosen);
      },
      (error = '') => this.#failed(error),
    );
    this.#host.transport.connect(this.#host, options, handlers);
  }

  #connected(connection: Connection, tls: UpstreamTls | undefined, isHttp2: boolean): void {
    this.#connecting--;
    const cluster = this.#cluster;
    if (isHttp2) this.stats.upstream_cx_http2_total.value++;
    else this.stats.upstream_cx_http1_total.value++;
    this.#roomExpected = isHttp2 ? this.#http2Room : 1;
    const member = isHttp2 ? this.#http2Client(connection, tls) : new Http1Client(connection, tls, this, cluster.http.http1);
    member.openedMs = this.#clock.monotonicMs();
    this.#members.add(member);
    const { maxConnectionDurationMs } = cluster.http;
    if (maxConnectionDurationMs > 0) this.#timers.after(maxConnectionDurationMs, () => this.#expire(member));
    this.onRoom(member);
    // The peer speaks HTTP/1.1 where many streams were hoped for.
    while (this.#needsConnection) {
      const before = this.#connecting;
      this.#grow();
      if (this.#connecting === before) return;
    }
  }

  #http2Client(connection: Connection, tls: UpstreamTls | undefined): Http2Client {
    const { http, stats } = this.#cluster;
    return new Http2Client(connection, tls, this, {
      settings: http.http2,
      stats: clusterHttp2Stats(stats),
      clock: this.#clock,
      random: Math.random,
      hostStreams: this.#hostStreams,
    });
  }

  /** A host that cannot be reached fails all that wait for it, so that each can be tried elsewhere. */
  #failed(detail: string): void {
    this.#connecting--;
    this.#disconnected();
    const isTimeout = detail === CONNECT_TIMEOUT;
    if (isTimeout) this.stats.upstream_cx_connect_timeout.value++;
    this.stats.upstream_cx_connect_fail.value++;
    this.stats.upstream_cx_destroy.value++;
    if (isTimeout) this.stats.upstream_cx_destroy_local.value++;
    else this.stats.upstream_cx_destroy_remote.value++;
    const waiting = this.#waiting.splice(0);
    this.limits.pending.value -= waiting.length;
    this.stats.upstream_rq_pending_failure_eject.value += waiting.length;
    // the time is the pool's own: the transport has nothing to say of it
    for (const waiter of waiting) {
      if (isTimeout) waiter.onPoolFailure('connection timeout', '');
      else waiter.onPoolFailure('connection failure', detail);
    }
  }

  #disconnected(): void {
    this.limits.connections.value--;
    this.#host.activeConnections--;
  }

  #expire(member: PoolMember): void {
    if (member.isClosed) return;
    this.stats.upstream_cx_max_duration_reached.value++;
    this.#retire(member);
  }

  #sweep(): void {
    this.#sweeper = undefined;
    const { idleTimeoutMs } = this.#cluster.http;
    const oldestMs = this.#clock.monotonicMs() - idleTimeoutMs;
    const idle = this.#listed.filter((each) => !each.isBusy);
    for (const member of idle.filter((each) => each.idleSinceMs <= oldestMs)) {
      this.#closeIdle(member);
    }
    const next = idle.find((each) => each.idleSinceMs > oldestMs);
    if (next !== undefined) this.#sweeper = this.#timers.after(next.idleSinceMs - oldestMs, () => this.#sweep());
  }
}
