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
import type { IncomingResponse } from '../../wire/http/message.ts';
import type { Cluster, ClusterManager, Host, Limits } from '../cluster/cluster.ts';
import { poolOf } from '../cluster/host-pools.ts';
import type { HttpPool } from '../cluster/http-pool.ts';
import { type ClusterHttpStats, clusterHttpStats } from '../cluster/http-stats.ts';
import type { UpstreamStream } from '../cluster/http-upstream.ts';
import { limitsFor } from '../cluster/limits.ts';
import { TunnelSource } from '../cluster/tunnel-source.ts';
import { observe } from '../telemetry/stats.ts';
import { type Timers, timersOf, type WheelTimer } from '../timers.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import type { Downstream, Upstream } from './downstream.ts';
import { chooseHost } from './host-choice.ts';
import { sendMirrors } from './mirror.ts';
import { RequestBody } from './request-body.ts';
import { rateLimitedBackOffMs } from './rate-limited-back-off.ts';
import { type RequestPolicy, readRequestPolicy } from './request-policy.ts';
import { brokenResponse, outcomeOf, resetReply, transportFailure } from './reset.ts';
import { backOffMs, isRetriableReset, isRetriableResponse, type ResetReason } from './retry-decision.ts';
import { RetryState } from './retry-state.ts';
import type { InternalRedirect } from './internal-redirect.ts';
import { stepTo } from './redirect-step.ts';
import type { MirrorChoice, RouteAction, RouteEntry } from './route.ts';
import { decorateResponse, prepareRequest, rewriteToEndpoint, tellTimeout } from './upstream-head.ts';

type ClusterAction = Extract<RouteAction, { kind: 'cluster' }>;

/** What the router of a connection manager works with. */
export interface RouterScope {
  readonly clusters: ClusterManager;
  readonly clock: Clock;
  readonly random: Random;
  /** `suppress_envoy_headers`: no x-envoy-* fields are added. */
  readonly isQuiet: boolean;
  /** `scheme_header_transformation.match_upstream`: the scheme says whether the host is spoken to in TLS. */
  readonly matchesScheme?: boolean;
  /** How long a request waits for a cluster that is not there yet; 0: not at all. */
  readonly onDemandMs: number;
}

const NO_HOSTS: readonly Host[] = [];

/** Routes one request to a cluster. Made once its filters have let it pass. */
export class Exchange implements Upstream, AttemptOwner {
  readonly #down: Downstream;
  readonly #scope: RouterScope;
  readonly #timers: Timers;
  readonly #entry: RouteEntry;
  readonly #action: ClusterAction;
  #cluster: Cluster | undefined = undefined;
  #stats: ClusterHttpStats | undefined = undefined;
  #policy: RequestPolicy | undefined = undefined;
  #retry: RetryState | undefined = undefined;
  #attempt: Attempt | undefined = undefined;
  /** Attempts whose time was up and that go on beside `#attempt` (hedging); undefined while there are none. */
  #hedged: Attempt[] | undefined = undefined;
  #tried: readonly Host[] = NO_HOSTS;
  #hasTimedOut = false;
  #clientAuthority = '';
  #body: RequestBody | undefined = undefined;
  #trailers: HeaderBlock | undefined = undefined;
  #isRequestDone: boolean;
  #hasResponse = false;
  #isTunnel = false;
  #isOver = false;
  #timeout: WheelTimer | undefined = undefined;
  #backOff: WheelTimer | undefined = undefined;
  #mirrors: MirrorChoice[] | undefined = undefined;

  constructor(down: Downstream, entry: RouteEntry, action: ClusterAction, scope: RouterScope, isRequestDone: boolean) {
    this.#down = down;
    this.#scope = scope;
    this.#entry = entry;
    this.#action = action;
    this.#timers = timersOf(scope.clock);
    this.#isRequestDone = isRequestDone;
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
    const stream = this.#attempt?.stream;
    if (stream === undefined) {
      const body = this.#keptBody();
      body.keep(view, true);
      if (body.isFull) this.#down.pauseReading();
      return;
    }
    if (!this.#isTunnel && this.#keepsBody()) this.#keptBody().keep(view, false);
    if (!stream.sendData(view)) this.#down.pauseReading();
  }

  onRequestEnd(trailers: HeaderBlock | undefined): void {
    if (this.#isOver || this.#isRequestDone) return;
    this.#isRequestDone = true;
    this.#trailers = trailers;
    const stream = this.#attempt?.stream;
    stream?.sendEnd(trailers);
    if (this.#isTunnel) return;
    this.#startTimeout();
    if (stream !== undefined) this.#attempt?.startTimeout(this.#policy?.perTryTimeoutMs ?? 0);
    this.#mirror();
  }

  pauseResponse(): void {
    const stream = this.#attempt?.stream;
    if (stream !== undefined && this.#stats !== undefined) this.#stats.upstream_flow_control_paused_reading_total.value++;
    stream?.pause();
  }

  resumeResponse(): void {
    const stream = this.#attempt?.stream;
    if (stream !== undefined && this.#stats !== undefined) this.#stats.upstream_flow_control_resumed_reading_total.value++;
    stream?.resume();
  }

  cancel(): void {
    if (this.#isOver) return;
    if (this.#attempt?.stream !== undefined && this.#stats !== undefined) this.#stats.upstream_rq_tx_reset.value++;
    this.#dropAll();
    this.#finish();
  }

  onAttemptReady(attempt: Attempt, stream: UpstreamStream): void {
    const { info } = this.#down;
    info.upstreamLocalAddress = stream.localAddress;
    info.upstreamTls = stream.tls;
    attempt.sentMs = this.#scope.clock.monotonicMs();
    this.#sendHead(attempt, stream);
    for (const chunk of this.#body?.chunks ?? []) stream.sendData(chunk);
    if (this.#body !== undefined && (this.#body.isTooLong || !this.#keepsBody())) this.#body.forget();
    if (this.#isRequestDone) {
      if (!this.#down.isUpgrade) stream.sendEnd(this.#trailers);
      attempt.startTimeout(this.#policy?.perTryTimeoutMs ?? 0);
    } else this.#down.resumeReading();
  }

  onAttemptDrain(): void {
    this.#down.resumeReading();
  }

  onAttemptInformational(_attempt: Attempt, head: IncomingResponse): void {
    this.#down.respondInformational(head);
  }

  onAttemptHead(attempt: Attempt, head: IncomingResponse, isEnd: boolean): void {
    const { info, isUpgrade } = this.#down;
    info.firstUpstreamByteMs = this.#scope.clock.monotonicMs();
    attempt.report({ kind: 'status', status: head.status });
    const redirects = this.#action.internalRedirect;
    if (redirects?.statuses.has(head.status) !== true) this.#countStatus(head.status);
    if (this.#isAccepted(head)) return this.#upgraded(attempt, head);
    if (isUpgrade) attempt.stream?.sendEnd(undefined);
    if (isEnd) this.#releaseStream(attempt);
    if (head.status === 101) return this.#unaskedUpgrade(attempt);
    if (this.#retry !== undefined && isRetriableResponse(this.#retry.policy, head)) {
      this.#hasTimedOut = false;
      if (this.#tryAgain(attempt, head) || this.#leavesItToOthers(attempt)) return;
    }
    if (redirects?.statuses.has(head.status) === true) {
      if (this.#redirect(attempt, redirects, head)) return;
      this.#countStatus(head.status);
    }
    this.#win(attempt);
    this.#body?.forget();
    if (this.#retry?.isRetrying === true && this.#stats !== undefined && head.status < 500) this.#stats.upstream_rq_retry_success.value++;
    this.#decorate(head);
    if (isEnd) this.#complete(attempt);
    info.responseCodeDetails = 'via_upstream';
    this.#down.respond(head, isEnd);
  }

  onAttemptData(_attempt: Attempt, view: Uint8Array): void {
    this.#down.respondData(view);
  }

  onAttemptEnd(attempt: Attempt, trailers: HeaderBlock | undefined): void {
    this.#releaseStream(attempt);
    this.#complete(attempt);
    this.#down.respondEnd(trailers);
  }

  /** An attempt has died. */
  onAttemptReset(attempt: Attempt, reason: ResetReason, detail: string): void {
    if (this.#isOver) return;
    const { info } = this.#down;
    if (reason === 'overflow') info.upstream = undefined;
    else attempt.report(outcomeOf(reason));
    if (detail !== '' && (reason === 'connection failure' || reason === 'connection timeout'))
      info.upstreamTransportFailure = transportFailure(detail);
    if (this.#hasResponse) {
      attempt.end();
      this.#finish();
      const { flag, details } = brokenResponse(reason);
      return this.#down.abort(flag, details);
    }
    this.#hasTimedOut = reason === 'per-try timeout';
    const { policy } = this.#retry ?? {};
    if (policy !== undefined && isRetriableReset(policy, reason, attempt.wasSent) && this.#tryAgain(attempt, undefined)) return;
    if (this.#leavesItToOthers(attempt)) return;
    attempt.end();
    this.#giveUp(reason, detail);
  }

  onAttemptTimeout(attempt: Attempt, isIdle: boolean): void {
    if (this.#stats !== undefined) this.#stats.upstream_rq_per_try_timeout.value++;
    if (this.#policy?.hedgesPerTry === true && !isIdle && !this.#hasResponse) return this.#hedge(attempt);
    attempt.destroy();
    this.onAttemptReset(attempt, 'per-try timeout', '');
  }

  onAttemptExpired(attempt: Attempt): void {
    if (this.#stats !== undefined) this.#stats.upstream_rq_max_duration_reached.value++;
    attempt.destroy();
    this.#dropAll();
    this.#finish();
    const details = 'upstream_max_stream_duration_reached';
    if (this.#hasResponse) this.#down.abort('UMSDR', details);
    else this.#down.reply({ status: 408, body: 'upstream max stream duration reached', details, flag: 'UMSDR' });
  }

  /** No attempt brought a response. */
  #giveUp(reason: ResetReason, detail: string): void {
    this.#finish();
    this.#down.reply(resetReply(reason, transportFailure(detail), this.#down.info.attempts));
  }

  /** The response is complete. A stream that still waits for the rest of our request is of no more use. */
  #releaseStream(attempt: Attempt): void {
    const { stream } = attempt;
    attempt.stream = undefined;
    if (this.#isTunnel || (!this.#isRequestDone && !this.#down.isUpgrade)) stream?.destroy();
  }

  #noCluster(): void {
    this.#isOver = true;
    const status = this.#action.clusterNotFoundStatus;
    this.#down.info.clusterName = '';
    this.#down.reply({ status, details: 'cluster_not_found', flag: 'NC' });
  }

  #withCluster(cluster: Cluster): void {
    const { info, request } = this.#down;
    this.#cluster = cluster;
    this.#stats = clusterHttpStats(cluster.stats);
    info.cluster = cluster;
    const policy = readRequestPolicy(request, this.#action, this.#down.isInternal);
    this.#policy = policy;
    if (policy.retry !== undefined) this.#retry = new RetryState(policy.retry, limitsFor(cluster, this.#action.priority), this.#stats);
    prepareRequest(this.#down, this.#entry, this.#action.rewrite, this.#scope.isQuiet);
    this.#clientAuthority = request.authority;
    if (!this.#scope.isQuiet) tellTimeout(request, this.#action, policy, 0);
    this.#chooseMirrors();
    if (this.#isRequestDone || this.#down.isUpgrade) this.#startTimeout();
    if (this.#isRequestDone) this.#mirror();
    this.#tryHost();
  }

  #chooseMirrors(): void {
    for (const mirror of this.#action.mirrors) {
      if (this.#scope.random() < mirror.fraction) (this.#mirrors ??= []).push(mirror);
    }
  }

  #mirror(): void {
    const mirrors = this.#mirrors;
    this.#mirrors = undefined;
    if (mirrors === undefined || this.#body?.isWhole === false) return;
    sendMirrors(mirrors, this.#down.request, [...(this.#body?.chunks ?? [])], this.#policy?.timeoutMs ?? 0, this.#scope);
  }

  /** Starts an attempt at a host that the balancer chooses. */
  #tryHost(): void {
    const cluster = this.#cluster;
    const stats = this.#stats;
    if (cluster === undefined || stats === undefined || this.#isOver) return;
    const { info, request } = this.#down;
    info.attempts++;
    const host = chooseHost(cluster, this.#down, this.#action.hash?.(this.#down), this.#retry?.policy, this.#tried);
    if (host === undefined) return this.#noHost(stats);
    info.upstream = host;
    const limits = limitsFor(cluster, this.#action.priority);
    if (limits.requests.value >= limits.maxRequests) {
      stats.upstream_rq_pending_overflow.value++;
      info.upstream = undefined;
      return this.#giveUp('overflow', '');
    }
    const sni = cluster.http.serverNameOf?.(request) ?? '';
    rewriteToEndpoint(request, host, this.#action, this.#clientAuthority, this.#scope.isQuiet);
    const idleMs = this.#retry?.policy.perTryIdleTimeoutMs ?? 0;
    const attempt = new Attempt(this, request.method === 'HEAD', limits, host, stats, this.#timers, idleMs);
    if (this.#attempt !== undefined) (this.#hedged ??= []).push(this.#attempt);
    this.#attempt = attempt;
    attempt.limitDuration(cluster.http.maxStreamDurationMs);
    attempt.begin(this.#sourceOf(cluster, host, limits, sni));
  }

  #sourceOf(cluster: Cluster, host: Host, limits: Limits, sni: string): HttpPool | TunnelSource {
    const { request, isUpgrade } = this.#down;
    const ends = this.#action.terminatesConnect;
    if (ends !== undefined && ((isUpgrade && request.method === 'CONNECT') || (ends.allowsPost && request.method === 'POST')))
      return new TunnelSource(cluster, host, limits);
    return poolOf(cluster, host, this.#scope.clock, { protocol: request.protocol, isTunnel: isUpgrade, sni, limits });
  }

  #noHost(stats: ClusterHttpStats): void {
    stats.upstream_cx_none_healthy.value++;
    this.#finish();
    this.#down.reply({ status: 503, body: 'no healthy upstream', details: 'no_healthy_upstream', flag: 'UH' });
  }

  #sendHead(attempt: Attempt, stream: UpstreamStream): void {
    const { request, isUpgrade, info } = this.#down;
    if (this.#scope.matchesScheme === true) request.scheme = stream.tls === undefined ? 'http' : 'https';
    if (this.#entry.sendsAttemptCount === true) request.headers.set('x-envoy-attempt-count', String(info.attempts));
    if (info.attempts > 1) this.#prepareRetry(attempt);
    const hasBody = !this.#isRequestDone || request.contentLength < 0 || (this.#body?.bytes ?? 0) > 0 || this.#trailers !== undefined;
    stream.sendHead(request, isUpgrade ? request.upgrade : '', !hasBody && !isUpgrade, attempt);
  }

  #prepareRetry(attempt: Attempt): void {
    const { request, info } = this.#down;
    if (this.#policy !== undefined && !this.#scope.isQuiet)
      tellTimeout(request, this.#action, this.#policy, attempt.sentMs - info.requestEndMs);
    if (this.#entry.sendsTimeoutRetry === true) request.headers.set('x-envoy-is-timeout-retry', String(this.#hasTimedOut));
  }

  /** Fields that the router adds to a response. */
  #decorate(head: IncomingResponse): void {
    const { info } = this.#down;
    const isTimed = !this.#scope.isQuiet && this.#isRequestDone;
    decorateResponse(head, this.#entry, isTimed ? Math.max(0, info.firstUpstreamByteMs - info.requestEndMs) : -1, info.attempts);
  }

  /** Whether the host has changed to what the client asked for: an upgrade, or a tunnel by CONNECT. */
  #isAccepted({ status }: IncomingResponse): boolean {
    const { isUpgrade, request } = this.#down;
    return isUpgrade && (status === 101 || (request.method === 'CONNECT' && status >= 200 && status < 300));
  }

  #upgraded(attempt: Attempt, head: IncomingResponse): void {
    this.#isTunnel = true;
    this.#win(attempt);
    this.#timers.cancel(this.#timeout);
    attempt.stopTimers();
    this.#decorate(head);
    this.#down.info.responseCodeDetails = 'via_upstream';
    this.#down.beginTunnel();
    this.#down.respond(head, false);
  }

  /** Follows a redirect where the route says so: the request begins anew as the redirect has it. */
  #redirect(attempt: Attempt, policy: InternalRedirect, head: IncomingResponse): boolean {
    const isWhole = this.#isRequestDone && this.#body?.isWhole !== false;
    const isFollowed = isWhole && stepTo(this.#down, this.#entry.name, policy, head);
    if (this.#stats !== undefined) {
      if (isFollowed) this.#stats.upstream_internal_redirect_succeeded_total.value++;
      else this.#stats.upstream_internal_redirect_failed_total.value++;
    }
    if (!isFollowed) return false;
    attempt.drop();
    this.#dropAll();
    this.#finish();
    this.#down.info.responseCode = head.status;
    if (this.#down.request.contentLength === 0) this.#down.recreate([], undefined);
    else this.#down.recreate([...(this.#body?.chunks ?? [])], this.#trailers);
    return true;
  }

  #unaskedUpgrade(attempt: Attempt): void {
    attempt.destroy();
    this.onAttemptReset(attempt, 'protocol error', 'upgrade that nobody asked for');
  }

  #countStatus(status: number): void {
    if (this.#stats === undefined) return;
    const [ofClass, ofStatus] = this.#stats.status(status);
    ofClass.value++;
    ofStatus.value++;
    this.#stats.upstream_rq_completed.value++;
  }

  /** Starts the next attempt after a pause, where retries are left; false otherwise. `head`: of the response that asks for it. */
  #tryAgain(attempt: Attempt, head: IncomingResponse | undefined): boolean {
    if (!this.#takeRetry(attempt, head)) return false;
    this.#forget(attempt);
    attempt.drop();
    return true;
  }

  #takeRetry(attempt: Attempt, head: IncomingResponse | undefined): boolean {
    const retry = this.#retry;
    const stats = this.#stats;
    if (retry === undefined || stats === undefined || this.#body?.isWhole === false) return false;
    const { info } = this.#down;
    const refusal = retry.take(info.attempts);
    if (refusal !== undefined) {
      this.#down.setFlag(refusal);
      return false;
    }
    this.#tried = [...this.#tried, attempt.host];
    const { clock, random } = this.#scope;
    const { rateLimited } = retry.policy;
    const askedMs =
      head === undefined || rateLimited === undefined ? undefined : rateLimitedBackOffMs(rateLimited, head, clock.wallMs(), random());
    if (askedMs === undefined) stats.upstream_rq_retry_backoff_exponential.value++;
    else stats.upstream_rq_retry_backoff_ratelimited.value++;
    this.#backOff = this.#timers.after(askedMs ?? backOffMs(retry.policy, info.attempts, random()), () => this.#retryNow());
    return true;
  }

  #retryNow(): void {
    this.#backOff = undefined;
    if (this.#retry?.policy.refreshesCluster !== true || this.#refreshCluster()) this.#tryHost();
  }

  /** `refresh_cluster_on_retry`: the route chooses anew. */
  #refreshCluster(): boolean {
    const { name } = this.#action.cluster(this.#down.request, this.#scope.random());
    const cluster = this.#scope.clusters.get(name);
    const { info } = this.#down;
    info.clusterName = name;
    if (cluster === undefined) {
      this.#finish();
      this.#noCluster();
      return false;
    }
    this.#cluster = cluster;
    this.#stats = clusterHttpStats(cluster.stats);
    info.cluster = cluster;
    return true;
  }

  /** An attempt's time is up, and it goes on while the next one begins. */
  #hedge(attempt: Attempt): void {
    attempt.report(outcomeOf('per-try timeout'));
    this.#hasTimedOut = true;
    if (attempt !== this.#attempt || !this.#takeRetry(attempt, undefined)) return;
    (this.#hedged ??= []).push(attempt);
    this.#attempt = undefined;
  }

  /** An attempt that came to nothing: others run still, or are about to. */
  #leavesItToOthers(attempt: Attempt): boolean {
    if (this.#hedged === undefined) return false;
    this.#forget(attempt);
    if (this.#hedged.length === 0 && this.#attempt === undefined && this.#backOff === undefined) return false;
    attempt.drop();
    return true;
  }

  /** This attempt's response is the client's; others are dropped. */
  #win(attempt: Attempt): void {
    this.#hasResponse = true;
    attempt.stopTimeout();
    if (this.#hedged === undefined) return;
    this.#forget(attempt);
    this.#dropAll();
    this.#attempt = attempt;
  }

  #forget(attempt: Attempt): void {
    if (this.#attempt === attempt) this.#attempt = undefined;
    else this.#hedged = this.#hedged?.filter((each) => each !== attempt);
  }

  /** Lets go of whatever runs or waits. */
  #dropAll(): void {
    this.#timers.cancel(this.#backOff);
    this.#backOff = undefined;
    this.#attempt?.drop();
    for (const each of this.#hedged ?? []) each.drop();
    this.#attempt = undefined;
    this.#hedged = undefined;
  }

  #keepsBody(): boolean {
    if (this.#hasResponse) return false;
    return this.#retry !== undefined || this.#mirrors !== undefined || this.#action.internalRedirect !== undefined;
  }

  #keptBody(): RequestBody {
    return (this.#body ??= new RequestBody(this.#entry.retryBufferBytes));
  }

  #startTimeout(): void {
    const timeoutMs = this.#policy?.timeoutMs ?? 0;
    if (timeoutMs > 0 && this.#timeout === undefined) this.#timeout = this.#timers.after(timeoutMs, () => this.#onTimeout());
  }

  #onTimeout(): void {
    if (this.#stats !== undefined) this.#stats.upstream_rq_timeout.value++;
    this.#attempt?.report({ kind: 'local-origin-failure', cause: 'timeout' });
    this.#dropAll();
    this.#finish();
    if (this.#hasResponse) this.#down.abort('UT', 'response_timeout');
    else this.#down.reply({ status: 504, body: 'upstream request timeout', details: 'response_timeout', flag: 'UT' });
  }

  #complete(attempt: Attempt): void {
    if (this.#stats !== undefined && !this.#isTunnel)
      observe(this.#stats.upstream_rq_time, this.#scope.clock.monotonicMs() - attempt.sentMs);
    attempt.end();
    this.#finish();
  }

  #finish(): void {
    this.#isOver = true;
    this.#timers.cancel(this.#timeout);
    this.#timers.cancel(this.#backOff);
    this.#retry?.release();
  }
}
