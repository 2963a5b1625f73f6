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
import type { LocalReply } from '../http/filter.ts';
import type { ResponseFlag } from '../http/stream-info.ts';
import type { Clock, Random } from '../../core/clock.ts';
import type { HeaderBlock } from '../../wire/http/headers.ts';
import type { IncomingResponse } from '../../wire/http/message.ts';
import { runtimeShares } from '../config/live-values.ts';
import type { Cluster, ClusterManager, DynamicNames } from '../cluster/cluster.ts';
import { TOO_MANY_REQUESTS } from '../cluster/http-pool.ts';
import { countAnswer, countTime, UNANSWERED } from '../cluster/answer-stats.ts';
import { type ClusterCounter, type ClusterHttpStats, clusterHttpStats } from '../cluster/http-stats.ts';
import type { UpstreamStream } from '../cluster/http-upstream.ts';
import { limitsFor } from '../cluster/limits.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { type Timers, timersOf, type WheelTimer } from '../timers.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import { Attempts, type RetryingRequest } from './attempts.ts';
import type { Downstream, Upstream } from './downstream.ts';
import { chooseHost } from './host-choice.ts';
import { sourceOf } from './stream-source.ts';
import { chooseMirrors, sendMirrors } from './mirror.ts';
import { RequestBody } from './request-body.ts';
import { type RequestPolicy, readRequestPolicy } from './request-policy.ts';
import {
  brokenResponse,
  DROPPED,
  IN_MAINTENANCE,
  NO_HEALTHY_HOST,
  outcomeOf,
  resetReply,
  TIMED_OUT,
  TOOK_TOO_LONG,
  transportFailure,
} from './reset.ts';
import { isRetriableReset, isRetriableResponse, type ResetReason } from './retry-decision.ts';
import { RetryState } from './retry-state.ts';
import type { InternalRedirect } from './internal-redirect.ts';
import { stepTo } from './redirect-step.ts';
import type { Forward } from './reroute.ts';
import type { MirrorChoice, RouteAction, RouteEntry } from './route.ts';
import { answerStats } from './answer-parts.ts';
import { countRequest, type RequestStats, UNCOUNTED } from './request-stats.ts';
import { statsOfRequest } from './virtual-clusters.ts';
import { decorateResponse, isAccepted, prepareRequest, rewriteToEndpoint, tellTimeout } from './upstream-head.ts';

type ClusterAction = Extract<RouteAction, { kind: 'cluster' }>;

/** How often a request whose cluster is gone looks for another route. */
const REROUTES_MAX = 5;

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
  /** The proxy's. */
  readonly stats: StatsScope;
}

/** Shares of requests that clusters do not get, by their names. Envoy: `upstream.maintenance_mode.<cluster>`. */
const MAINTENANCE = runtimeShares('upstream.maintenance_mode.');

/** Routes one request to a cluster. Made once its filters have let it pass. */
export class Exchange implements Upstream, AttemptOwner, RetryingRequest {
  readonly down: Downstream;
  readonly #scope: RouterScope;
  readonly #timers: Timers;
  readonly #attempts: Attempts;
  #entry: RouteEntry;
  #action: ClusterAction;
  #cluster: Cluster | undefined = undefined;
  #stats: ClusterHttpStats | undefined = undefined;
  /** Where it is counted besides its cluster; nowhere before that is found. */
  #counted: readonly RequestStats[] = UNCOUNTED;
  /** Where its answer is counted. */
  #answered = UNANSWERED;
  #policy: RequestPolicy | undefined = undefined;
  #clientAuthority = '';
  #body: RequestBody | undefined = undefined;
  #trailers: HeaderBlock | undefined = undefined;
  #isRequestDone: boolean;
  #hasResponse = false;
  #isTunnel = false;
  /** The upstream of the tunnel has ended its side. */
  #isHalfEnded = false;
  #isOver = false;
  #timeout: WheelTimer | undefined = undefined;
  #mirrors: readonly MirrorChoice[] | undefined = undefined;
  #reroutes = 0;

  constructor(down: Downstream, entry: RouteEntry, action: ClusterAction, scope: RouterScope, isRequestDone: boolean) {
    this.down = down;
    this.#scope = scope;
    this.#entry = entry;
    this.#action = action;
    this.#timers = timersOf(scope.clock);
    this.#attempts = new Attempts(this, scope, this.#timers);
    this.#isRequestDone = isRequestDone;
  }

  /** Finds the cluster, waiting for it where it can be asked for, and makes the first attempt. */
  begin(): void {
    const { info } = this.down;
    const name = this.down.choice?.name ?? '';
    info.clusterName = name;
    const cluster = this.#scope.clusters.get(name);
    if (cluster === undefined) this.#askForCluster(name);
    else this.#withCluster(cluster);
  }

  /** Waits for a cluster as long as a filter said, or all requests wait. */
  #askForCluster(name: string): void {
    const ofFilter = this.down.clusterWaitMs ?? 0;
    const waitMs = ofFilter > 0 ? ofFilter : this.#scope.onDemandMs;
    if (waitMs <= 0 || name === '') return this.#rerouteOrFail();
    this.down.pauseReading();
    this.#scope.clusters.request(name, waitMs, (found) => {
      if (this.#isOver) return;
      this.down.resumeReading();
      if (found === undefined) this.#rerouteOrFail();
      else this.#withCluster(found);
    });
  }

  /** Clusters go with the routes that led to them: one that is not there may be one that the routes in force no longer name. */
  #rerouteOrFail(): void {
    const forward: Forward = (entry, action) => {
      this.#entry = entry;
      this.#action = action;
      this.begin();
    };
    if (this.#reroutes++ >= REROUTES_MAX || !this.down.reroute(forward, () => this.#noCluster())) this.#noCluster();
  }

  onRequestData(view: Uint8Array): void {
    if (this.#isOver) return;
    const stream = this.#attempts.current?.stream;
    if (stream === undefined) {
      const body = this.#keptBody();
      body.keep(view, true);
      if (body.isFull) this.down.pauseReading();
      return;
    }
    if (!this.#isTunnel && this.#keepsBody()) this.#keptBody().keep(view, false);
    if (!stream.sendData(view)) this.down.pauseReading();
  }

  onRequestEnd(trailers: HeaderBlock | undefined): void {
    if (this.#isOver || this.#isRequestDone) return;
    this.#isRequestDone = true;
    this.#trailers = trailers;
    const stream = this.#attempts.current?.stream;
    if (stream !== undefined) this.#endRequest(stream, trailers);
    if (this.#isTunnel) return this.#endTunnel();
    this.#startTimeout();
    if (stream !== undefined) this.#attempts.current?.startTimeout(this.#policy?.perTryTimeoutMs ?? 0);
    this.#mirror();
  }

  #endRequest(stream: UpstreamStream, trailers: HeaderBlock | undefined): void {
    stream.sendEnd(trailers);
    this.down.info.upstreamSentMs = this.#scope.clock.monotonicMs();
  }

  pauseResponse(): void {
    const stream = this.#attempts.current?.stream;
    if (stream !== undefined) this.#count('upstream_flow_control_paused_reading_total');
    stream?.pause();
  }

  resumeResponse(): void {
    const stream = this.#attempts.current?.stream;
    if (stream !== undefined) this.#count('upstream_flow_control_resumed_reading_total');
    stream?.resume();
  }

  cancel(): void {
    if (this.#isOver) return;
    if (this.#attempts.current?.stream !== undefined) this.#count('upstream_rq_tx_reset');
    this.#finish();
  }

  onAttemptReady(attempt: Attempt, stream: UpstreamStream): void {
    const { info } = this.down;
    info.upstreamLocalAddress = stream.localAddress;
    info.upstreamProtocol = stream.protocol;
    info.upstreamTls = stream.tls;
    attempt.sentMs = this.#scope.clock.monotonicMs();
    info.upstreamSendMs = attempt.sentMs;
    countRequest(this.#counted, 'upstream_rq_total');
    this.#sendHead(attempt, stream);
    for (const chunk of this.#body?.chunks ?? []) stream.sendData(chunk);
    if (this.#body !== undefined && (this.#body.isTooLong || !this.#keepsBody())) this.#body.forget();
    if (this.#isRequestDone) {
      if (!this.down.isUpgrade) stream.sendEnd(this.#trailers);
      info.upstreamSentMs = attempt.sentMs;
      attempt.startTimeout(this.#policy?.perTryTimeoutMs ?? 0);
    } else this.down.resumeReading();
  }

  onAttemptDrain(): void {
    this.down.resumeReading();
  }

  onAttemptInformational(_attempt: Attempt, head: IncomingResponse): void {
    this.#countAnswer(head.status, head);
    this.down.respondInformational(head);
  }

  onAttemptHead(attempt: Attempt, head: IncomingResponse, isEnd: boolean): void {
    const { info, isUpgrade } = this.down;
    info.firstUpstreamByteMs = this.#scope.clock.monotonicMs();
    attempt.observeHead(head, info.firstUpstreamByteMs);
    attempt.report({ kind: 'status', status: head.status });
    if (isUpgrade && isAccepted(this.down.request, head.status)) return this.#upgraded(attempt, head);
    if (isUpgrade) attempt.stream?.sendEnd(undefined);
    if (isEnd) this.#releaseStream(attempt);
    if (head.status === 101) return this.#unaskedUpgrade(attempt);
    if (this.#attempts.retry !== undefined && isRetriableResponse(this.#attempts.retry.policy, head)) {
      this.#attempts.hasTimedOut = false;
      if (this.#attempts.follow(attempt, head)) return this.#countUnused(head.status);
      if (this.#attempts.leaveToOthers(attempt)) return;
    }
    const redirects = this.#action.internalRedirect;
    if (redirects?.statuses.has(head.status) === true && this.#redirect(attempt, redirects, head)) return;
    this.#hasResponse = true;
    this.#countAnswer(head.status, head);
    this.#attempts.win(attempt);
    this.#body?.forget();
    if (this.#attempts.retry?.isRetrying === true && head.status < 500) this.#countEverywhere('upstream_rq_retry_success');
    this.#decorate(head);
    if (isEnd) this.#complete(attempt);
    info.responseCodeDetails = 'via_upstream';
    this.down.respond(head, isEnd);
  }

  onAttemptData(_attempt: Attempt, view: Uint8Array): void {
    this.down.respondData(view);
  }

  onAttemptEnd(attempt: Attempt, trailers: HeaderBlock | undefined): void {
    if (this.#isTunnel && attempt.stream?.isHalfOpen === true && this.down.respondHalfEnd()) {
      this.#isHalfEnded = true;
      return;
    }
    this.#releaseStream(attempt);
    this.#complete(attempt);
    this.down.respondEnd(trailers);
  }

  /** The client of a tunnel has ended its side: where the upstream had before, it is over. */
  #endTunnel(): void {
    const { current } = this.#attempts;
    if (!this.#isHalfEnded || current === undefined) return;
    this.#complete(current);
    this.down.endTunnel();
  }

  /** An attempt has died. */
  onAttemptReset(attempt: Attempt, reason: ResetReason, detail: string): void {
    if (this.#isOver) return;
    const { info } = this.down;
    if (reason === 'overflow') info.upstream = detail === TOO_MANY_REQUESTS ? attempt.host : undefined;
    else attempt.report(outcomeOf(reason));
    if (detail !== '' && (reason === 'connection failure' || reason === 'connection timeout'))
      info.upstreamTransportFailure = transportFailure(detail);
    if (this.#hasResponse) {
      attempt.end();
      this.#finish();
      const { flag, details } = brokenResponse(reason);
      return this.down.abort(flag, details);
    }
    this.#attempts.hasTimedOut = reason === 'per-try timeout';
    const { policy } = this.#attempts.retry ?? {};
    if (policy !== undefined && isRetriableReset(policy, reason, attempt.wasSent) && this.#attempts.follow(attempt, undefined)) return;
    if (this.#attempts.leaveToOthers(attempt)) return;
    attempt.end();
    this.#giveUp(reason, detail);
  }

  onAttemptTimeout(attempt: Attempt, isIdle: boolean): void {
    this.#count('upstream_rq_per_try_timeout');
    if (this.#policy?.hedgesPerTry === true && !isIdle && !this.#hasResponse) return this.#attempts.hedge(attempt);
    attempt.destroy();
    this.onAttemptReset(attempt, 'per-try timeout', isIdle ? 'upstream_per_try_idle_timeout' : '');
  }

  onAttemptExpired(attempt: Attempt): void {
    this.#count('upstream_rq_max_duration_reached');
    attempt.destroy();
    const { policy } = this.#attempts.retry ?? {};
    const isRetriable = policy !== undefined && !this.#hasResponse && isRetriableReset(policy, 'remote reset', attempt.wasSent);
    if (isRetriable && this.#attempts.follow(attempt, undefined)) return;
    this.#breakOff(this.#isRequestDone ? { ...TOOK_TOO_LONG, status: 504 } : TOOK_TOO_LONG);
  }

  /** Ends a request whose time is up: by an answer, or where there is one already by cutting it off. */
  #breakOff(reply: LocalReply & { readonly flag: ResponseFlag }): void {
    this.#finish();
    if (this.#hasResponse) this.down.abort(reply.flag, reply.details);
    else this.#reply(reply);
  }

  /** What is said for a timeout: nothing, where the request asks for that. */
  #timeoutReply<Reply extends LocalReply>(reply: Reply): Reply {
    return this.#policy?.hasEmptyTimeout === true ? { ...reply, status: 204, body: '' } : reply;
  }

  /** Answers instead of a host: counted as its answers are. */
  #reply(reply: LocalReply): void {
    this.#countAnswer(reply.status, undefined);
    this.down.reply(reply);
  }

  /** Counts an answer that goes to the client. */
  #countAnswer(status: number, head: IncomingResponse | undefined): void {
    if (this.#stats === undefined) return;
    const { isInternal, info } = this.down;
    const answer = { isInternal, host: info.upstream, head, ownZone: this.#scope.clusters.ownZone };
    this.#answered = answerStats(this.#stats, answer, this.#counted);
    countAnswer(this.#answered, status);
  }

  /** No attempt brought a response. */
  #giveUp(reason: ResetReason, detail: string): void {
    this.#finish();
    const reply = resetReply(reason, reason === 'overflow' ? '' : transportFailure(detail), this.down.info.attempts);
    this.#reply(reason === 'per-try timeout' ? this.#timeoutReply(reply) : reply);
  }

  /** The response is complete. A stream that still waits for the rest of our request is of no more use. */
  #releaseStream(attempt: Attempt): void {
    const { stream } = attempt;
    attempt.stream = undefined;
    if (this.#isTunnel || (!this.#isRequestDone && !this.down.isUpgrade)) stream?.destroy();
  }

  /** Counts an answer that no client gets, for the request is tried again. */
  #countUnused(status: number): void {
    if (this.#stats !== undefined) this.#stats.answersOf('retry').count(status);
  }

  #noCluster(): void {
    this.#isOver = true;
    const status = this.#action.clusterNotFoundStatus;
    this.down.info.clusterName = '';
    this.down.reply({ status, details: 'cluster_not_found', flag: 'NC' });
  }

  #withCluster(cluster: Cluster): void {
    const { info, request } = this.down;
    this.#cluster = cluster;
    this.#stats = clusterHttpStats(cluster.stats);
    this.#counted = statsOfRequest(this.#scope.stats, this.#entry, request, info);
    info.cluster = cluster;
    const policy = readRequestPolicy(request, this.#action, this.down.isInternal);
    this.#policy = policy;
    if (policy.retry !== undefined)
      this.#attempts.retry = new RetryState(policy.retry, limitsFor(cluster, this.#action.priority), this.#stats, this.#counted);
    const closed = MAINTENANCE.value.size === 0 ? 0 : (MAINTENANCE.value.get(cluster.name) ?? 0);
    if (closed > 0 && this.#scope.random() < closed) return this.#refused(cluster, 'upstream_rq_maintenance_mode', IN_MAINTENANCE);
    if (cluster.dropShare !== undefined && this.#scope.random() < cluster.dropShare)
      return this.#refused(cluster, 'upstream_rq_drop_overload', DROPPED);
    prepareRequest(this.down, this.#entry, this.#action.rewrite, this.#scope.isQuiet);
    this.#clientAuthority = request.authority;
    if (!this.#scope.isQuiet) tellTimeout(request, this.#action, policy, 0);
    this.#mirrors = chooseMirrors(this.#action.mirrors, this.#scope.random);
    if (this.#isRequestDone || this.down.isUpgrade) this.#startTimeout();
    if (this.#isRequestDone) this.#mirror();
    if (cluster.dynamicNames === undefined) this.#tryHost();
    else this.#awaitName(cluster.dynamicNames);
  }

  /** A cluster of dynamic hosts asks for the request's name first, where no filter has. */
  #awaitName(names: DynamicNames): void {
    const goOn = (): void => {
      if (this.#isOver) return;
      this.down.resumeReading();
      this.#tryHost();
    };
    if (names.whenKnown(this.down.info, goOn)) this.#tryHost();
    else this.down.pauseReading();
  }

  /** The runtime, or the server of EDS, wants less traffic to the cluster. */
  #refused(cluster: Cluster, counter: string, reply: LocalReply): void {
    cluster.stats.counter(counter).value++;
    this.#finish();
    this.#reply(reply);
  }

  #mirror(): void {
    const mirrors = this.#mirrors;
    this.#mirrors = undefined;
    if (mirrors === undefined || this.#body?.isWhole === false) return;
    sendMirrors(mirrors, this.down.request, [...(this.#body?.chunks ?? [])], this.#policy?.timeoutMs ?? 0, this.#scope);
  }

  /** Starts an attempt at a host that the balancer chooses. */
  #tryHost(): void {
    const cluster = this.#cluster;
    const stats = this.#stats;
    if (cluster === undefined || stats === undefined || this.#isOver) return;
    const { info, request } = this.down;
    info.attempts++;
    const host = chooseHost(cluster, this.down, this.#action.hash?.(this.down), this.#attempts.retry?.policy, this.#attempts.tried);
    if (host === undefined) return this.#noHost();
    info.upstream = host;
    info.upstreamTransportFailure = '';
    // of an aggregate cluster, the one that the host is of: limits and connections are its own
    const owner = host.cluster ?? cluster;
    const ownerStats = owner === cluster ? stats : clusterHttpStats(owner.stats);
    const limits = limitsFor(owner, this.#action.priority);
    // the server's name is what the request is for, not what its endpoint is called
    const source = sourceOf(this.down, this.#action, owner, host, this.#scope.clock);
    if (source === undefined) {
      info.upstream = undefined;
      return this.#noHost();
    }
    rewriteToEndpoint(request, host, this.#action, this.#clientAuthority, this.#scope.isQuiet);
    const idleMs = this.#attempts.retry?.policy.perTryIdleTimeoutMs ?? 0;
    const attempt = new Attempt(this, request.method === 'HEAD', limits, host, ownerStats, this.#timers, idleMs);
    const { trace } = this.down;
    if (trace !== undefined) attempt.trace = trace.startAttempt(owner.name, host.key, info.attempts - 1);
    this.#attempts.start(attempt);
    attempt.limitDuration(this.#policy?.streamMs ?? cluster.http.maxStreamDurationMs);
    attempt.begin(source);
  }

  #noHost(): void {
    this.#finish();
    const failure = this.#cluster?.dynamicNames?.failureOf(this.down.info) ?? '';
    this.#reply(failure === '' ? NO_HEALTHY_HOST : { ...NO_HEALTHY_HOST, details: `dns_resolution_failure{${failure}}` });
  }

  #sendHead(attempt: Attempt, stream: UpstreamStream): void {
    const { request, isUpgrade, info } = this.down;
    if (this.#scope.matchesScheme === true) request.scheme = stream.tls === undefined ? 'http' : 'https';
    if (this.#entry.sendsAttemptCount === true) request.headers.set('x-envoy-attempt-count', String(info.attempts));
    if (info.attempts > 1) this.#prepareRetry(attempt);
    this.down.trace?.inject(request.headers, stream.protocol);
    const hasBody = !this.#isRequestDone || request.contentLength < 0 || (this.#body?.bytes ?? 0) > 0 || this.#trailers !== undefined;
    stream.sendHead(request, isUpgrade ? request.upgrade : '', !hasBody && !isUpgrade, attempt);
  }

  #prepareRetry(attempt: Attempt): void {
    const { request, info } = this.down;
    if (this.#policy !== undefined && !this.#scope.isQuiet)
      tellTimeout(request, this.#action, this.#policy, attempt.sentMs - info.requestEndMs);
    if (this.#entry.sendsTimeoutRetry === true) request.headers.set('x-envoy-is-timeout-retry', String(this.#attempts.hasTimedOut));
  }

  /** Fields that the router adds to a response. */
  #decorate(head: IncomingResponse): void {
    const { info } = this.down;
    const isTimed = !this.#scope.isQuiet && this.#isRequestDone;
    decorateResponse(head, this.#entry, isTimed ? Math.max(0, info.firstUpstreamByteMs - info.requestEndMs) : -1, info.attempts);
  }

  #upgraded(attempt: Attempt, head: IncomingResponse): void {
    this.#isTunnel = true;
    this.#hasResponse = true;
    this.#attempts.win(attempt);
    this.#timers.cancel(this.#timeout);
    attempt.stopTimers();
    this.#countAnswer(head.status, head);
    this.#decorate(head);
    this.down.info.responseCodeDetails = 'via_upstream';
    this.down.beginTunnel();
    this.down.respond(head, false);
  }

  /** Follows a redirect where the route says so: the request begins anew as the redirect has it. */
  #redirect(attempt: Attempt, policy: InternalRedirect, head: IncomingResponse): boolean {
    const isWhole = this.#isRequestDone && this.#body?.isWhole !== false;
    const isFollowed = isWhole && stepTo(this.down, this.#entry.name, policy, head);
    this.#count(isFollowed ? 'upstream_internal_redirect_succeeded_total' : 'upstream_internal_redirect_failed_total');
    if (!isFollowed) return false;
    attempt.drop();
    this.#finish();
    this.down.info.responseCode = head.status;
    if (this.down.request.contentLength === 0) this.down.recreate([], undefined);
    else this.down.recreate([...(this.#body?.chunks ?? [])], this.#trailers);
    return true;
  }

  get isRepeatable(): boolean {
    return this.#body?.isWhole !== false;
  }

  onRetry(): void {
    if (this.#attempts.retry?.policy.refreshesCluster !== true || this.#refreshCluster()) this.#tryHost();
  }

  #unaskedUpgrade(attempt: Attempt): void {
    attempt.destroy();
    this.onAttemptReset(attempt, 'protocol error', 'upgrade that nobody asked for');
  }

  /** `refresh_cluster_on_retry`: the route chooses anew. */
  #refreshCluster(): boolean {
    const { name } = this.#action.cluster(this.down.request, this.#scope.random());
    const cluster = this.#scope.clusters.get(name);
    const { info } = this.down;
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

  #keepsBody(): boolean {
    if (this.#hasResponse) return false;
    return this.#attempts.retry !== undefined || this.#mirrors !== undefined || this.#action.internalRedirect !== undefined;
  }

  #keptBody(): RequestBody {
    return (this.#body ??= new RequestBody(this.#entry.retryBufferBytes));
  }

  #startTimeout(): void {
    const timeoutMs = this.#policy?.timeoutMs ?? 0;
    if (timeoutMs > 0 && this.#timeout === undefined) this.#timeout = this.#timers.after(timeoutMs, () => this.#onTimeout());
  }

  #onTimeout(): void {
    this.#countEverywhere('upstream_rq_timeout');
    this.#attempts.current?.report({ kind: 'local-origin-failure', cause: 'timeout' });
    this.#breakOff(this.#timeoutReply(TIMED_OUT));
  }

  #complete(attempt: Attempt): void {
    this.down.trace?.onUpstreamEnd();
    const nowMs = this.#scope.clock.monotonicMs();
    this.down.info.upstreamEndMs = nowMs;
    if (!this.#isTunnel) countTime(this.#answered, nowMs - attempt.sentMs);
    attempt.end();
    this.#finish();
  }

  /** Counts for the cluster. */
  #count(name: ClusterCounter): void {
    if (this.#stats !== undefined) this.#stats[name].value++;
  }

  /** Counts for the cluster, and wherever else the request is counted. */
  #countEverywhere(name: 'upstream_rq_timeout' | 'upstream_rq_retry_success'): void {
    this.#count(name);
    countRequest(this.#counted, name);
  }

  #finish(): void {
    this.#isOver = true;
    this.#timers.cancel(this.#timeout);
    this.#attempts.finish();
  }
}
