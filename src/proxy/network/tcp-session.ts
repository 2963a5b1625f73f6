import type { Clock, Random } from '../../core/clock.ts';
import { formatAddress } from '../../net/address.ts';
import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import type { Cluster, ClusterManager, Host, UpstreamTls } from '../cluster/cluster.ts';
import { LB_NAMESPACE } from '../cluster/lb-metadata.ts';
import { sourceTo } from '../cluster/source-address.ts';
import { OPEN_AFTER_MS, OPEN_EVERY_MS } from '../http/open-streams.ts';
import { flagBit, type StreamInfo, type TcpLogKind } from '../http/stream-info.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import { transportFailure } from '../router/reset.ts';
import type { AccessLogger } from '../telemetry/access-log.ts';
import { timersOf, type Timers, type WheelTimer } from '../timers.ts';
import { EarlyData } from './early-data.ts';
import { closeAfterFlush } from './flush-close.ts';
import { mergeTlvs } from './proxy-tlvs.ts';
import type { ClusterTarget } from './tcp-clusters.ts';
import { type Refusal, refusalOf } from './refusal.ts';
import type { TcpProxyConfig } from './tcp-proxy-config.ts';
import type { TcpStats } from './tcp-stats.ts';
import { type TcpObserver, tcpObservers } from './tcp-observer.ts';
import type { TcpConnector } from './tcp-upstream.ts';
import { type LegOwner, UpstreamLeg } from './upstream-leg.ts';

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
  isDraining(): boolean;
}

const NO_HEALTHY_UPSTREAM = flagBit('UH');
const CONNECT_FAILED = flagBit('UF');
const ATTEMPTS_EXCEEDED = flagBit('URX');
const OVERFLOW = flagBit('UO');
const NO_CLUSTER = flagBit('NC');
const DURATION_TIMEOUT = flagBit('DT');
const UPSTREAM_RESET = flagBit('UR');

/** How often a host other than the ones that failed is looked for. */
const HOST_SELECTIONS = 5;

/** Filter state that says how long a connection may be idle, in milliseconds. */
const IDLE_KEY = 'envoy.tcp_proxy.per_connection_idle_timeout_ms';

/** Why there is no upstream, as %DOWNSTREAM_LOCAL_CLOSE_REASON% has it (Envoy's spelling and numbers). */
const CLOSE_REASONS = {
  connectFailed: 'tcp_initializion_failure:0',
  noHealthyUpstream: 'tcp_initializion_failure:1',
  overflow: 'tcp_initializion_failure:2',
  noCluster: 'tcp_initializion_failure:3',
} as const;

function criteriaOf(target: ClusterTarget, metadata: ReadonlyMap<string, unknown>): Readonly<Record<string, unknown>> | undefined {
  const own = metadata.size === 0 ? undefined : metadata.get(LB_NAMESPACE);
  return typeof own === 'object' && own !== null ? { ...target.criteria, ...own } : target.criteria;
}

/**
 * One client's connection and the upstream's, each feeding the other. A side that cannot be written to stops the
 * other one from being read, so that no more is kept than the two sockets' own buffers.
 *
 * connecting: the client is not read, unless early data is taken. Then open, until each side has ended (half-close
 * passes through) or either is closed.
 */
export class TcpSession implements ConnectionHandlers, LegOwner {
  readonly #scope: TcpScope;
  readonly #timers: Timers;
  readonly #downstream: Connection;
  readonly #info: StreamInfo;
  readonly #observers: readonly TcpObserver[];
  readonly #tried: Host[] = [];
  readonly #idleMs: number;
  #early: EarlyData | undefined;
  #upstream: Connection | undefined = undefined;
  #leg: UpstreamLeg | undefined = undefined;
  #dialledMs = 0;
  #isOver = false;
  #lastActivityMs: number;
  #idleTimer: WheelTimer | undefined = undefined;
  #durationTimer: WheelTimer | undefined = undefined;
  #logTimer: WheelTimer | undefined = undefined;
  #openTimer: WheelTimer | undefined = undefined;
  #retryTimer: WheelTimer | undefined = undefined;

  constructor(scope: TcpScope, connection: Connection, downstream: DownstreamConnection, info: StreamInfo) {
    const { config, clock } = scope;
    this.#scope = scope;
    this.#timers = timersOf(clock);
    this.#downstream = connection;
    this.#info = info;
    // as filters before have left it
    info.filterState = downstream.filterState;
    info.sharing = downstream.sharing;
    this.#observers = tcpObservers(downstream);
    this.#lastActivityMs = this.#info.startMs;
    const idleMs = this.#info.filterState?.get(IDLE_KEY);
    this.#idleMs = idleMs === undefined ? config.idleTimeoutMs : Number(idleMs);
    this.#early = config.earlyBytesMax === undefined ? undefined : new EarlyData(connection, config.earlyBytesMax);
  }

  /** Begins: finds the cluster, connects, and lets bytes flow. */
  start(): void {
    const { config, stats } = this.#scope;
    stats.downstream_cx_total.value++;
    stats.active.value++;
    this.#startTimers();
    if (config.logs.atStart) this.#log('TcpConnectionStart');
    if (this.#early === undefined) this.#downstream.pause();
    this.#downstream.read(this);
    if (!config.connectsOnData) this.#connect();
  }

  #startTimers(): void {
    const { accessLog, config, random } = this.#scope;
    if (this.#idleMs > 0) this.#idleTimer = this.#timers.after(this.#idleMs, () => this.#checkIdle());
    if (config.maxDurationMs > 0) {
      const delayMs = config.maxDurationMs * (1 + config.maxDurationJitter * random());
      this.#durationTimer = this.#timers.after(delayMs, () => this.#expire());
    }
    if (config.logs.intervalMs > 0) this.#armLogTimer();
    if (accessLog.logOpen !== undefined) this.#tellOpenAfter(OPEN_AFTER_MS);
  }

  /** Tells those who want to know of a connection before it ends. */
  #tellOpenAfter(ms: number): void {
    this.#openTimer = this.#timers.after(ms, () => {
      this.#scope.accessLog.logOpen?.({ ...this.#info, logKind: 'TcpPeriodic', endMs: this.#scope.clock.monotonicMs() });
      this.#tellOpenAfter(OPEN_EVERY_MS);
    });
  }

  #connect(): void {
    const { config, clusters, random, stats } = this.#scope;
    const target = config.chooseCluster(random(), this.#info.filterState);
    this.#info.clusterName = target.name;
    const cluster = clusters.get(target.name);
    const waitMs = config.onDemandMs ?? clusters.onDemandMs ?? 0;
    if (cluster !== undefined || waitMs === 0) {
      this.#useCluster(cluster, target);
      return;
    }
    if (stats.onDemand !== undefined) stats.onDemand.on_demand_cluster_attempt.value++;
    clusters.request(target.name, waitMs, (found) => {
      const { onDemand } = stats;
      if (onDemand !== undefined) onDemand[found === undefined ? 'on_demand_cluster_missing' : 'on_demand_cluster_success'].value++;
      this.#useCluster(found, target);
    });
  }

  #useCluster(cluster: Cluster | undefined, target: ClusterTarget): void {
    if (this.#isOver) return;
    if (cluster === undefined) {
      this.#scope.stats.downstream_cx_no_route.value++;
      // Envoy does not say which cluster there is not
      this.#info.clusterName = '';
      this.#fail(NO_CLUSTER, CLOSE_REASONS.noCluster);
      return;
    }
    const info = this.#info;
    info.cluster = cluster;
    const names = cluster.dynamicNames;
    if (names !== undefined && !names.whenKnown(info, () => this.#useCluster(cluster, target))) return;
    if (this.#isFull(cluster)) return;
    const { connection } = info;
    const host = cluster.pick({
      hash: this.#scope.config.hash?.(info),
      avoid: this.#tried,
      avoidAttempts: HOST_SELECTIONS,
      originalDestination: connection.isRedirected ? connection.local : undefined,
      info,
      criteria: criteriaOf(target, info.metadata),
    });
    if (host === undefined) {
      this.#fail(NO_HEALTHY_UPSTREAM, CLOSE_REASONS.noHealthyUpstream);
      return;
    }
    // of an aggregate cluster, the one that the host is of
    const owner = host.cluster ?? cluster;
    if (owner === cluster || !this.#isFull(owner)) this.#dial(owner, host);
  }

  /** Ends the connection where the cluster has as many as it may. */
  #isFull({ limits, stats }: Cluster): boolean {
    if (limits.connections.value < limits.maxConnections) return false;
    stats.counter('upstream_cx_overflow').value++;
    this.#fail(OVERFLOW, CLOSE_REASONS.overflow);
    return true;
  }

  #dial(cluster: Cluster, host: Host): void {
    const { connector, config } = this.#scope;
    const info = this.#info;
    info.attempts++;
    info.upstream = host;
    info.proxyTlvs = mergeTlvs(config.tlvs, info.connection.proxyTlvs, info);
    host.requestsTotal.value++;
    const leg = new UpstreamLeg(cluster, host, this, !connector.countsConnections);
    this.#leg = leg;
    this.#dialledMs = this.#scope.clock.monotonicMs();
    const bind = sourceTo(cluster.sourceAddresses, host.address.host);
    connector.connectUpstream(host, { timeoutMs: cluster.connectTimeoutMs, cluster, info, bind }, leg);
  }

  onConnectFailure(leg: UpstreamLeg, error: string): void {
    const isTimeout = error === 'connection timeout';
    leg.host.report({ kind: 'local-origin-failure', cause: isTimeout ? 'connect-timeout' : 'connect-failure' });
    if (this.#isOver) return;
    this.#info.upstreamTransportFailure = isTimeout ? '' : transportFailure(error);
    this.#info.flags |= CONNECT_FAILED;
    this.#tried.push(leg.host);
    const { config, random } = this.#scope;
    const { attempts } = this.#info;
    if (attempts >= config.maxConnectAttempts) {
      leg.stats.upstream_cx_connect_attempts_exceeded.value++;
      this.#fail(ATTEMPTS_EXCEEDED, CLOSE_REASONS.connectFailed);
    } else if (config.backOff === undefined) {
      this.#connect();
    } else {
      const { baseMs, maxMs } = config.backOff;
      this.#retryTimer = this.#timers.after(random() * Math.min(maxMs, baseMs * 2 ** (attempts - 1)), () => this.#connect());
    }
  }

  /** Tells a balancing policy that wants times how long connecting took. */
  #observe(host: Host): void {
    const nowMs = this.#scope.clock.monotonicMs();
    host.observe?.(nowMs - this.#dialledMs, nowMs);
  }

  onUpstreamConnected({ host }: UpstreamLeg, upstream: Connection, tls: UpstreamTls | undefined): void {
    if (this.#isOver) {
      upstream.destroy();
      return;
    }
    const { config } = this.#scope;
    this.#upstream = upstream;
    if (config.accessLog.length > 0) this.#info.upstreamLocalAddress = formatAddress(upstream.local);
    this.#info.upstreamTls = tls;
    host.report({ kind: 'status', status: 200 });
    this.#observe(host);
    for (const observer of this.#observers) observer.onConnected?.(this.#info);
    this.#touch();
    if (config.logs.whenConnected) this.#log('TcpUpstreamConnected');
    const early = this.#early;
    this.#early = undefined;
    if (early !== undefined) {
      for (const bytes of early.take()) this.#send(upstream, bytes, false);
      if (early.hasEnded) upstream.end();
    }
    this.#downstream.resume();
  }

  onData(bytes: Uint8Array): void {
    const { stats, config } = this.#scope;
    this.#info.bytesReceived += bytes.length;
    stats.downstream_cx_rx_bytes_total.value += bytes.length;
    this.#touch();
    if (!this.#isLetThrough()) return;
    if (this.#upstream !== undefined) this.#send(this.#upstream, bytes, true);
    else if (this.#early !== undefined) {
      stats.early_data_received_count_total.value++;
      this.#early.add(bytes);
      if (config.connectsOnData && this.#leg === undefined) this.#connect();
    }
    if (config.closesOnDrain) this.#closeForDrain();
  }

  /** Filters that judge again with all that the client says have nothing against it. */
  #isLetThrough(): boolean {
    for (const observer of this.#observers) {
      if (observer.onData?.() !== false) continue;
      const { connection } = this.#info;
      this.#refuse(refusalOf(connection));
      return false;
    }
    return true;
  }

  #refuse(refusal: Refusal | undefined): void {
    this.#info.terminationDetails = refusal?.details ?? '';
    this.#fail(refusal?.flags ?? 0, refusal?.reason ?? '');
  }

  /** Counts and logs a connection that a filter before has refused. */
  refused(): void {
    this.#scope.stats.downstream_cx_total.value++;
    this.#scope.stats.active.value++;
    this.#finish();
  }

  #send(upstream: Connection, bytes: Uint8Array, isBorrowed: boolean): void {
    if (upstream.writeBytes(bytes, isBorrowed)) return;
    this.#downstream.pause();
    this.#scope.stats.downstream_flow_control_paused_reading_total.value++;
  }

  onEnd(): void {
    if (this.#upstream !== undefined) this.#upstream.end();
    else if (this.#early !== undefined) {
      // Envoy counts an end as data too
      this.#scope.stats.early_data_received_count_total.value++;
      this.#early.hasEnded = true;
    }
  }

  onDrain(): void {
    this.#touch();
    this.#upstream?.resume();
    if (this.#leg !== undefined) this.#leg.stats.upstream_flow_control_resumed_reading_total.value++;
  }

  onUpstreamData(bytes: Uint8Array): void {
    const { stats, config, clock } = this.#scope;
    if (this.#info.bytesSent === 0) this.#info.firstUpstreamByteMs = clock.monotonicMs();
    this.#info.bytesSent += bytes.length;
    stats.downstream_cx_tx_bytes_total.value += bytes.length;
    this.#touch();
    if (!this.#downstream.writeBytes(bytes, true)) {
      this.#upstream?.pause();
      if (this.#leg !== undefined) this.#leg.stats.upstream_flow_control_paused_reading_total.value++;
    }
    if (config.closesOnDrain) this.#closeForDrain();
  }

  onUpstreamEnd(): void {
    this.#downstream.end();
  }

  onUpstreamDrain(): void {
    this.#touch();
    this.#downstream.resume();
    this.#scope.stats.downstream_flow_control_resumed_reading_total.value++;
  }

  /** The client's connection is over, by its doing: what it has said still goes out. */
  onClose(error: string | undefined): void {
    const upstream = this.#upstream;
    if (upstream !== undefined && !this.#isOver) {
      if (this.#leg !== undefined) this.#leg.stats.upstream_cx_destroy_local.value++;
      if (error === 'ECONNRESET') upstream.destroy(error, true);
      else this.#flushUpstream(upstream);
    }
    this.#finish();
  }

  #flushUpstream(upstream: Connection): void {
    if (upstream.isClosed) return;
    const { stats } = this.#scope;
    stats.upstream_flush_total.value++;
    stats.flushing.value++;
    const onClosed = (): void => void stats.flushing.value--;
    closeAfterFlush(upstream, { timers: this.#timers, idleMs: this.#idleMs, endsOnData: true, onClosed });
  }

  onUpstreamClose(leg: UpstreamLeg, error: string | undefined): void {
    leg.stats.upstream_cx_destroy.value++;
    if (this.#isOver) return;
    leg.stats.upstream_cx_destroy_remote.value++;
    if (error === 'ECONNRESET') {
      this.#info.flags |= UPSTREAM_RESET;
      this.#downstream.destroy(undefined, true);
    } else {
      closeAfterFlush(this.#downstream, { timers: this.#timers, idleMs: this.#idleMs, endsOnData: false });
    }
    this.#finish();
  }

  #fail(flags: number, reason: string): void {
    this.#info.flags |= flags;
    this.#close(reason);
  }

  #expire(): void {
    this.#scope.stats.max_downstream_connection_duration.value++;
    this.#fail(DURATION_TIMEOUT, 'max_connection_duration_reached');
  }

  /** Ends both sides at once. */
  #close(reason: string): void {
    this.#info.localCloseReason = reason;
    if (this.#upstream !== undefined && this.#leg !== undefined) this.#leg.stats.upstream_cx_destroy_local.value++;
    this.#upstream?.destroy();
    this.#downstream.destroy(reason);
    this.#finish();
  }

  #closeForDrain(): void {
    if (this.#isOver || !this.#scope.isDraining()) return;
    this.#scope.stats.downstream_cx_drain_close.value++;
    this.#info.localCloseReason = 'tcp_proxy_drain_close';
    closeAfterFlush(this.#downstream, { timers: this.#timers, idleMs: this.#idleMs, endsOnData: false });
    this.#upstream?.destroy();
    this.#finish();
  }

  #touch(): void {
    this.#lastActivityMs = this.#scope.clock.monotonicMs();
  }

  /** One timer a connection, set anew only when it fires: not for every byte that moves. */
  #checkIdle(): void {
    const leftMs = this.#lastActivityMs + this.#idleMs - this.#scope.clock.monotonicMs();
    if (leftMs > 0) {
      this.#idleTimer = this.#timers.after(leftMs, () => this.#checkIdle());
      return;
    }
    this.#scope.stats.idle_timeout.value++;
    this.#close('tcp_session_idle_timeout');
  }

  #armLogTimer(): void {
    this.#logTimer = this.#timers.after(this.#scope.config.logs.intervalMs, () => {
      this.#log('TcpPeriodic');
      this.#armLogTimer();
    });
  }

  #log(kind: TcpLogKind): void {
    this.#info.logKind = kind;
    this.#scope.accessLog.log(this.#info);
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const timers = this.#timers;
    timers.cancel(this.#idleTimer);
    timers.cancel(this.#durationTimer);
    timers.cancel(this.#logTimer);
    timers.cancel(this.#openTimer);
    timers.cancel(this.#retryTimer);
    this.#scope.stats.active.value--;
    this.#info.endMs = this.#scope.clock.monotonicMs();
    if (this.#leg !== undefined) this.#leg.stats.upstream_cx_tx_bytes_total.value += this.#info.bytesReceived;
    for (const observer of this.#observers) observer.onClose?.(this.#info);
    this.#log('TcpConnectionEnd');
  }
}
