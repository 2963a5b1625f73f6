/**
 * The router: the filter at the end of every chain. It chooses a cluster and a host, sends the request, tries again
 * where the policy says so, and passes the response back.
 *
 * ```
 *  begin ─▶ cluster ─▶ attempt ─▶ (pool) ─▶ send ─▶ response head ─▶ data ─▶ end
 *                        ▲                              │ retriable, or reset
 *                        └──────── back-off ◀───────────┘
 * ```
 */
import type { Clock, Random } from '../../core/clock.ts';
import type { HeaderBlock } from '../../wire/http/headers.ts';
import { requestHeadText } from '../../wire/http1/encode.ts';
import type { Http1Response } from '../../wire/http1/head.ts';
import type { Cluster, ClusterManager, Host, Outcome } from '../cluster/cluster.ts';
import type { HttpClient, ResponseReader } from '../cluster/http-client.ts';
import { type HttpPool, poolOf, type PoolWaiter } from '../cluster/http-pool.ts';
import { type ClusterHttpStats, clusterHttpStats } from '../cluster/http-stats.ts';
import { formatAddress } from '../../net/address.ts';
import { observe } from '../telemetry/stats.ts';
import { type Timers, timersOf, type WheelTimer } from '../timers.ts';
import type { Downstream, Upstream } from './downstream.ts';
import { sendMirrors } from './mirror.ts';
import { RequestBody } from './request-body.ts';
import { readRequestPolicy } from './request-policy.ts';
import { resetFlag, resetReply, transportFailure } from './reset.ts';
import { backOffMs, isRetriableReset, isRetriableResponse, type ResetReason } from './retry-decision.ts';
import type { RetryPolicy, RouteAction, RouteEntry } from './route.ts';

type ClusterAction = Extract<RouteAction, { kind: 'cluster' }>;

/** What the router of a connection manager works with. */
export interface RouterScope {
  readonly clusters: ClusterManager;
  readonly clock: Clock;
  readonly random: Random;
  /** `suppress_envoy_headers`: no x-envoy-* fields are added. */
  readonly isQuiet: boolean;
  /** How long a request waits for a cluster that is not there yet; 0: not at all. */
  readonly onDemandMs: number;
}

const NO_HOSTS: readonly Host[] = [];

/** Methods whose requests say nothing of a body that they do not have; others say that it is empty. */
const BODILESS_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'TRACE', 'CONNECT']);

/** Routes one request to a cluster. Made once its filters have let it pass. */
export class Exchange implements Upstream, ResponseReader, PoolWaiter {
  readonly isHead: boolean;
  readonly #down: Downstream;
  readonly #scope: RouterScope;
  readonly #timers: Timers;
  readonly #entry: RouteEntry;
  readonly #action: ClusterAction;
  #cluster: Cluster | undefined = undefined;
  #stats: ClusterHttpStats | undefined = undefined;
  #retry: RetryPolicy | undefined;
  #timeoutMs: number;
  #perTryTimeoutMs: number;
  #host: Host | undefined = undefined;
  #tried: Host[] | undefined = undefined;
  #pool: HttpPool | undefined = undefined;
  #client: HttpClient | undefined = undefined;
  #isWaiting = false;
  #wasSent = false;
  #body: RequestBody | undefined = undefined;
  #trailers: HeaderBlock | undefined = undefined;
  #isRequestDone: boolean;
  #hasResponse = false;
  #isTunnel = false;
  #isOver = false;
  #isRetrying = false;
  #attemptMs = 0;
  #timeout: WheelTimer | undefined = undefined;
  #perTry: WheelTimer | undefined = undefined;
  #perTryIdle: WheelTimer | undefined = undefined;
  #backOff: WheelTimer | undefined = undefined;
  #mirrors: readonly string[] | undefined = undefined;

  constructor(down: Downstream, entry: RouteEntry, action: ClusterAction, scope: RouterScope, isRequestDone: boolean) {
    this.#down = down;
    this.#scope = scope;
    this.#entry = entry;
    this.#action = action;
    this.#timers = timersOf(scope.clock);
    this.#isRequestDone = isRequestDone;
    this.isHead = down.request.method === 'HEAD';
    this.#timeoutMs = action.timeoutMs;
    this.#retry = action.retry;
    this.#perTryTimeoutMs = action.retry?.perTryTimeoutMs ?? 0;
  }

  /** Finds the cluster, waiting for it where it can be asked for, and makes the first attempt. */
  begin(): void {
    const { info } = this.#down;
    const name = this.#down.choice?.name ?? '';
    info.clusterName = name;
    const cluster = this.#scope.clusters.get(name);
    if (cluster !== undefined) this.#withCluster(cluster);
    else if (this.#scope.onDemandMs > 0 && name !== '') {
      this.#down.pauseReading();
      this.#scope.clusters.request(name, this.#scope.onDemandMs, (found) => {
        if (this.#isOver) return;
        this.#down.resumeReading();
        if (found === undefined) this.#noCluster();
        else this.#withCluster(found);
      });
    } else this.#noCluster();
  }

  onRequestData(view: Uint8Array): void {
    if (this.#isOver) return;
    const client = this.#client;
    if (client === undefined) {
      const body = this.#keptBody();
      body.keep(view, true);
      if (body.isFull) this.#down.pauseReading();
      return;
    }
    if (!this.#isTunnel && this.#keepsBody()) this.#keptBody().keep(view, false);
    if (!client.sendData(view)) this.#down.pauseReading();
  }

  onRequestEnd(trailers: HeaderBlock | undefined): void {
    if (this.#isOver || this.#isRequestDone) return;
    this.#isRequestDone = true;
    this.#trailers = trailers;
    this.#client?.sendEnd(trailers);
    if (this.#isTunnel) return;
    this.#startTimeout();
    if (this.#client !== undefined) this.#startPerTry();
    this.#mirror();
  }

  pauseResponse(): void {
    if (this.#client !== undefined && this.#stats !== undefined) this.#stats.upstream_flow_control_paused_reading_total.value++;
    this.#client?.connection.pause();
  }

  resumeResponse(): void {
    if (this.#client !== undefined && this.#stats !== undefined) this.#stats.upstream_flow_control_resumed_reading_total.value++;
    this.#client?.connection.resume();
  }

  cancel(): void {
    if (this.#isOver) return;
    if (this.#client !== undefined && this.#stats !== undefined) this.#stats.upstream_rq_tx_reset.value++;
    this.#dropAttempt();
    this.#finish();
  }

  onPoolReady(client: HttpClient): void {
    this.#isWaiting = false;
    this.#client = client;
    this.#wasSent = true;
    const { info } = this.#down;
    info.upstreamLocalAddress = formatAddress(client.connection.local);
    this.#attemptMs = this.#scope.clock.monotonicMs();
    this.#sendHead(client);
    for (const chunk of this.#body?.chunks ?? []) client.sendData(chunk);
    if (this.#body !== undefined && (this.#body.isTooLong || !this.#keepsBody())) this.#body.forget();
    if (this.#isRequestDone) {
      if (!this.#down.isUpgrade) client.sendEnd(this.#trailers);
      this.#startPerTry();
    } else this.#down.resumeReading();
    this.#restartPerTryIdle();
  }

  onPoolFailure(reason: ResetReason, detail: string): void {
    this.#isWaiting = false;
    this.#failed(reason, detail);
  }

  onUpstreamDrain(): void {
    this.#down.resumeReading();
  }

  onUpstreamReset(reason: ResetReason, detail: string): void {
    this.#client = undefined;
    if (this.#stats !== undefined) this.#stats.upstream_rq_rx_reset.value++;
    this.#failed(reason, detail);
  }

  onResponseHead(head: Http1Response, isEnd: boolean): void {
    const { info } = this.#down;
    info.firstUpstreamByteMs = this.#scope.clock.monotonicMs();
    this.#report({ kind: 'status', status: head.status });
    this.#countStatus(head.status);
    if (this.#down.isUpgrade && head.status !== 101) this.#client?.sendEnd(undefined);
    if (isEnd) this.#releaseClient();
    if (head.status === 101 && this.#down.isUpgrade) return this.#upgraded(head);
    if (head.status === 101) return this.#unaskedUpgrade();
    if (this.#retry !== undefined && isRetriableResponse(this.#retry, head) && this.#tryAgain()) return;
    this.#hasResponse = true;
    this.#timers.cancel(this.#perTry);
    this.#body?.forget();
    if (this.#isRetrying && this.#stats !== undefined && head.status < 500) this.#stats.upstream_rq_retry_success.value++;
    this.#decorate(head);
    if (isEnd) this.#complete();
    else this.#restartPerTryIdle();
    info.responseCodeDetails = 'via_upstream';
    this.#down.respond(head, isEnd);
  }

  onResponseData(view: Uint8Array): void {
    if (this.#perTryIdle !== undefined) this.#restartPerTryIdle();
    this.#down.respondData(view);
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    this.#releaseClient();
    this.#complete();
    this.#down.respondEnd(trailers);
  }

  /** The response is complete. A connection that still waits for the rest of our request is of no more use. */
  #releaseClient(): void {
    const client = this.#client;
    this.#client = undefined;
    if (this.#isTunnel || (!this.#isRequestDone && !this.#down.isUpgrade)) client?.destroy();
  }

  #noCluster(): void {
    this.#isOver = true;
    const status = this.#action.clusterNotFoundStatus;
    this.#down.info.clusterName = '';
    this.#down.reply({ status, details: 'cluster_not_found', flag: 'NC' });
  }

  #withCluster(cluster: Cluster): void {
    const { request, info } = this.#down;
    this.#cluster = cluster;
    this.#stats = clusterHttpStats(cluster.stats);
    info.cluster = cluster;
    if (this.#down.isInternal) {
      const policy = readRequestPolicy(request, this.#timeoutMs, this.#retry);
      this.#timeoutMs = policy.timeoutMs;
      this.#retry = policy.retry;
      this.#perTryTimeoutMs = policy.perTryTimeoutMs;
    } else if (this.#timeoutMs > 0 && this.#perTryTimeoutMs >= this.#timeoutMs) this.#perTryTimeoutMs = 0;
    if (this.#retry?.isRetriableRequest?.(request) === false) this.#retry = undefined;
    this.#prepareHead();
    this.#chooseMirrors();
    if (this.#isRequestDone || this.#down.isUpgrade) this.#startTimeout();
    if (this.#isRequestDone) this.#mirror();
    this.#attempt();
  }

  /** Changes to the request that hold for every attempt. */
  #prepareHead(): void {
    const { request } = this.#down;
    this.#entry.headers?.applyRequest(this.#down, request);
    this.#down.choice?.headers?.applyRequest(this.#down, request);
    this.#rewrite();
    if (this.#scope.isQuiet) return;
    this.#expectTimeout(0);
  }

  /** Tells the host how long its answer is waited for. */
  #expectTimeout(elapsedMs: number): void {
    const leftMs = this.#timeoutMs > 0 ? this.#timeoutMs - elapsedMs : Infinity;
    const expectedMs = Math.max(0, Math.min(this.#perTryTimeoutMs > 0 ? this.#perTryTimeoutMs : Infinity, leftMs));
    if (expectedMs < Infinity) this.#down.request.headers.set('x-envoy-expected-rq-timeout-ms', String(Math.round(expectedMs)));
  }

  /** Rewrites path and host, and leaves word of what they were. */
  #rewrite(): void {
    const { rewrite } = this.#action;
    if (rewrite === undefined) return;
    const { request } = this.#down;
    const { path, authority, headers } = request;
    rewrite(request);
    if (this.#scope.isQuiet) return;
    if (request.path !== path) headers.set('x-envoy-original-path', path);
    if (request.authority !== authority) headers.set('x-envoy-original-host', authority);
  }

  #chooseMirrors(): void {
    for (const { cluster, fraction } of this.#action.mirrors) {
      if (this.#scope.random() < fraction) this.#mirrors = [...(this.#mirrors ?? []), cluster];
    }
  }

  #mirror(): void {
    const names = this.#mirrors;
    this.#mirrors = undefined;
    if (names === undefined || this.#body?.isWhole === false) return;
    sendMirrors(names, this.#down.request, [...(this.#body?.chunks ?? [])], this.#scope.clusters, this.#scope.clock);
  }

  #attempt(): void {
    const cluster = this.#cluster;
    if (cluster === undefined || this.#isOver) return;
    const { info, connection } = this.#down;
    info.attempts++;
    this.#wasSent = false;
    const host = cluster.pick({
      hash: this.#action.hash?.(this.#down),
      avoid: this.#retry?.avoidsPreviousHosts === true ? (this.#tried ?? NO_HOSTS) : NO_HOSTS,
      avoidAttempts: this.#retry?.hostSelectionAttempts ?? 1,
      originalDestination: connection.local,
    });
    if (host === undefined) return this.#noHost();
    info.upstream = host;
    if (cluster.limits.requests.value >= cluster.limits.maxRequests) {
      if (this.#stats !== undefined) this.#stats.upstream_rq_pending_overflow.value++;
      return this.#failed('overflow', '');
    }
    this.#host = host;
    host.activeRequests++;
    host.requestsTotal.value++;
    cluster.limits.requests.value++;
    if (this.#stats !== undefined) this.#stats.upstream_rq_total.value++;
    this.#pool = poolOf(cluster, host, this.#scope.clock);
    this.#isWaiting = true;
    this.#pool.acquire(this);
  }

  #noHost(): void {
    if (this.#stats !== undefined) this.#stats.upstream_cx_none_healthy.value++;
    this.#endAttempt();
    this.#finish();
    this.#down.reply({ status: 503, body: 'no healthy upstream', details: 'no_healthy_upstream', flag: 'UH' });
  }

  #sendHead(client: HttpClient): void {
    const { request, isUpgrade, info } = this.#down;
    if (this.#entry.sendsAttemptCount === true) request.headers.set('x-envoy-attempt-count', String(info.attempts));
    const isChunked = request.contentLength < 0;
    const isBodyless = this.#isRequestDone && !isChunked && (this.#body?.bytes ?? 0) === 0;
    if (info.attempts > 1 && !this.#scope.isQuiet) this.#expectTimeout(this.#scope.clock.monotonicMs() - info.requestEndMs);
    if (isBodyless && !BODILESS_METHODS.has(request.method) && !request.headers.has('content-length'))
      request.headers.set('content-length', '0');
    const text = requestHeadText(
      request.method,
      request.path,
      request.authority,
      request.headers,
      isChunked,
      '',
      isUpgrade ? request.upgrade : '',
    );
    client.sendHead(text, isBodyless && !isUpgrade, isChunked, this);
  }

  /** Fields that the router adds to a response. */
  #decorate(head: Http1Response): void {
    const { info } = this.#down;
    if (!this.#scope.isQuiet && this.#isRequestDone) {
      const serviceMs = Math.max(0, Math.round(info.firstUpstreamByteMs - info.requestEndMs));
      head.headers.set('x-envoy-upstream-service-time', String(serviceMs));
    }
    if (this.#entry.answersAttemptCount === true) head.headers.set('x-envoy-attempt-count', String(info.attempts));
  }

  #upgraded(head: Http1Response): void {
    this.#isTunnel = true;
    this.#hasResponse = true;
    this.#clearTimers();
    this.#decorate(head);
    this.#down.info.responseCodeDetails = 'via_upstream';
    this.#down.beginTunnel();
    this.#down.respond(head, false);
  }

  #unaskedUpgrade(): void {
    this.#client?.destroy();
    this.#client = undefined;
    this.#failed('protocol error', 'upgrade that nobody asked for');
  }

  /** An attempt has died. */
  #failed(reason: ResetReason, detail: string): void {
    if (this.#isOver) return;
    const { info } = this.#down;
    if (reason !== 'overflow') this.#reportReset(reason);
    if (detail !== '' && (reason === 'connection failure' || reason === 'connection timeout'))
      info.upstreamTransportFailure = transportFailure(detail);
    if (reason === 'overflow') info.upstream = undefined;
    if (this.#hasResponse) {
      this.#endAttempt();
      this.#finish();
      return this.#down.abort(resetFlag(reason), `upstream_reset_after_response_started{${reason.replaceAll(' ', '_')}}`);
    }
    if (this.#retry !== undefined && isRetriableReset(this.#retry, reason, this.#wasSent) && this.#tryAgain()) return;
    this.#endAttempt();
    this.#finish();
    this.#down.reply(resetReply(reason, transportFailure(detail), info.attempts));
  }

  #reportReset(reason: ResetReason): void {
    const cause =
      reason === 'connection failure' || reason === 'connection timeout'
        ? 'connect-failure'
        : reason === 'per-try timeout'
          ? 'timeout'
          : 'reset';
    this.#report({ kind: 'local-origin-failure', cause });
  }

  #report(outcome: Outcome): void {
    this.#host?.report(outcome);
  }

  #countStatus(status: number): void {
    if (this.#stats === undefined) return;
    const [ofClass, ofStatus] = this.#stats.status(status);
    ofClass.value++;
    ofStatus.value++;
    this.#stats.upstream_rq_completed.value++;
  }

  /** Starts the next attempt after a pause, where retries are left; false otherwise. */
  #tryAgain(): boolean {
    const policy = this.#retry;
    const cluster = this.#cluster;
    const stats = this.#stats;
    if (policy === undefined || cluster === undefined || stats === undefined || this.#body?.isWhole === false) return false;
    const { info } = this.#down;
    if (info.attempts > policy.maxRetries) {
      stats.upstream_rq_retry_limit_exceeded.value++;
      this.#down.setFlag('URX');
      return false;
    }
    if (!hasRetryRoom(cluster)) {
      stats.upstream_rq_retry_overflow.value++;
      this.#down.setFlag('UO');
      return false;
    }
    if (this.#host !== undefined) (this.#tried ??= []).push(this.#host);
    this.#dropAttempt();
    stats.upstream_rq_retry.value++;
    stats.upstream_rq_retry_backoff_exponential.value++;
    if (!this.#isRetrying) cluster.limits.retries.value++;
    this.#isRetrying = true;
    this.#backOff = this.#timers.after(backOffMs(policy, info.attempts, this.#scope.random()), () => this.#attempt());
    return true;
  }

  #keepsBody(): boolean {
    return (this.#retry !== undefined || this.#mirrors !== undefined) && !this.#hasResponse;
  }

  #keptBody(): RequestBody {
    return (this.#body ??= new RequestBody(this.#entry.retryBufferBytes));
  }

  #startTimeout(): void {
    if (this.#timeoutMs > 0 && this.#timeout === undefined) this.#timeout = this.#timers.after(this.#timeoutMs, () => this.#onTimeout());
  }

  #startPerTry(): void {
    if (this.#perTryTimeoutMs > 0) this.#perTry = this.#timers.after(this.#perTryTimeoutMs, () => this.#onPerTryTimeout());
  }

  #restartPerTryIdle(): void {
    const idleMs = this.#retry?.perTryIdleTimeoutMs ?? 0;
    if (idleMs <= 0 || this.#isOver) return;
    this.#timers.cancel(this.#perTryIdle);
    this.#perTryIdle = this.#timers.after(idleMs, () => this.#onPerTryTimeout());
  }

  #onTimeout(): void {
    const stats = this.#stats;
    if (stats !== undefined) stats.upstream_rq_timeout.value++;
    this.#report({ kind: 'local-origin-failure', cause: 'timeout' });
    const hadResponse = this.#hasResponse;
    this.#dropAttempt();
    this.#finish();
    if (hadResponse) this.#down.abort('UT', 'response_timeout');
    else this.#down.reply({ status: 504, body: 'upstream request timeout', details: 'response_timeout', flag: 'UT' });
  }

  #onPerTryTimeout(): void {
    const stats = this.#stats;
    if (stats !== undefined) stats.upstream_rq_per_try_timeout.value++;
    this.#client?.destroy();
    this.#client = undefined;
    this.#failed('per-try timeout', '');
  }

  /** Lets go of whatever the attempt holds. */
  #dropAttempt(): void {
    if (this.#isWaiting) this.#pool?.cancel(this);
    this.#isWaiting = false;
    const client = this.#client;
    this.#client = undefined;
    client?.abandon();
    this.#endAttempt();
  }

  #endAttempt(): void {
    this.#timers.cancel(this.#perTry);
    this.#timers.cancel(this.#perTryIdle);
    const host = this.#host;
    this.#host = undefined;
    if (host === undefined || this.#cluster === undefined) return;
    host.activeRequests--;
    this.#cluster.limits.requests.value--;
  }

  #complete(): void {
    if (this.#stats !== undefined && !this.#isTunnel)
      observe(this.#stats.upstream_rq_time, this.#scope.clock.monotonicMs() - this.#attemptMs);
    this.#endAttempt();
    this.#finish();
  }

  #clearTimers(): void {
    this.#timers.cancel(this.#timeout);
    this.#timers.cancel(this.#perTry);
    this.#timers.cancel(this.#perTryIdle);
    this.#timers.cancel(this.#backOff);
  }

  #finish(): void {
    this.#isOver = true;
    this.#clearTimers();
    if (this.#isRetrying && this.#cluster !== undefined) this.#cluster.limits.retries.value--;
    this.#isRetrying = false;
  }
}

/** Whether the cluster allows one more retry now: by its budget, or by its cap. */
function hasRetryRoom(cluster: Cluster): boolean {
  const { limits } = cluster;
  const { retryBudget } = limits;
  if (retryBudget === undefined) return limits.retries.value < limits.maxRetries;
  const active = limits.requests.value + limits.pending.value;
  return limits.retries.value < Math.max(retryBudget.minConcurrency, retryBudget.fraction * active);
}
