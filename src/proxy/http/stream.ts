/**
 * One request and its response, whatever version of HTTP carries them.
 *
 * ```
 *  codec ─▶ clean ─▶ route ─▶ request filters ─▶ router ─▶ host
 *  codec ◀────────────────── response filters ◀── router ◀─ host
 * ```
 * It ends once the response is written; then logs and metrics see it.
 */
import type { ProtocolError } from '../../core/errors.ts';
import { HeaderBlock } from '../../wire/http/headers.ts';
import type { IncomingRequest } from '../../wire/http/message.ts';
import { reasonOf } from '../../wire/http1/encode.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import type { Downstream, Response, Upstream } from '../router/downstream.ts';
import { streamDuration } from '../router/grpc-timeout.ts';
import { FILTER_DISABLED, FILTER_ENABLED } from '../router/per-filter-config.ts';
import type { ClusterChoice, RouteEntry } from '../router/route.ts';
import { type Forward, passAlike } from '../router/reroute.ts';
import { Exchange } from '../router/router.ts';
import type { CollectOptions, HttpFilterHandlers, HttpStream, LocalReply } from './filter.ts';
import { FilterGate } from './filter-gate.ts';
import { finishHead } from './finish-head.ts';
import { type GatedStream, RequestSide, ResponseSide, standingOf } from './gate-sides.ts';
import type { HcmRuntime } from './hcm-runtime.ts';
import type { OpenStream } from './open-streams.ts';
import { breachDetails, localMessage } from './local-reply.ts';
import { checkTarget, isUpgradeAllowed, type Refusal, upgradeOf } from './request-checks.ts';
import { cleanRequest, nameProxy, underscored } from './request-hygiene.ts';
import type { CodedStream, StreamCodec } from './stream-codec.ts';
import { countStatus, countStream } from './stream-counts.ts';
import type { RequestTrace } from '../tracing/request-trace.ts';
import { flagBit, type ResponseFlag, type StreamInfo } from './stream-info.ts';
import { newStreamInfo } from './stream-state.ts';
import { StreamTimers, type TimedStream } from './stream-timers.ts';

/** Who asks that no more bytes come: a filter, or whoever they go to. */
const BY_FILTER = 1;
const BY_READER = 2;
/** It is not known yet where the request goes. */
const BY_ROUTE = 4;

/** gRPC's status for time that is up. */
const DEADLINE_EXCEEDED = 4;

export class Stream implements Downstream, GatedStream, CodedStream, TimedStream, OpenStream {
  readonly request: IncomingRequest;
  readonly connection: DownstreamConnection;
  readonly info: StreamInfo;
  response: Response | undefined = undefined;
  route: RouteEntry | undefined = undefined;
  choice: ClusterChoice | undefined = undefined;
  isUpgrade = false;
  isTunnel = false;
  isInternal = false;
  isGrpcWeb = false;
  isRequestWhole = false;
  isRequestDone = false;
  isResponseWhole = false;
  isLast = false;
  flushTimeoutMs: number;
  isOver = false;
  requestTrailers: HeaderBlock | undefined = undefined;
  responseTrailers: HeaderBlock | undefined = undefined;
  overrideHost: HttpStream['overrideHost'] = undefined;
  clusterWaitMs: number | undefined = undefined;
  upstream: Upstream | undefined = undefined;
  trace: RequestTrace | undefined = undefined;
  routesTaken: readonly string[] | undefined = undefined;
  skipped: ReadonlySet<HttpFilterHandlers> | undefined = undefined;
  older: OpenStream | undefined = undefined;
  younger: OpenStream | undefined = undefined;
  toldMs = 0;
  readonly #runtime: HcmRuntime;
  readonly #codec: StreamCodec;
  readonly #timers: StreamTimers;
  readonly #requestGate: FilterGate;
  #responseGate: FilterGate;
  #hasHead = false;
  #requestHolds = 0;
  #responseHolds = 0;
  /** What the route was matched with, where routes take a share of requests. */
  #chance = 0;

  constructor(request: IncomingRequest, codec: StreamCodec, runtime: HcmRuntime) {
    const { clock } = runtime.scope;
    this.request = request;
    this.connection = codec.downstream;
    this.#codec = codec;
    this.#runtime = runtime;
    this.info = newStreamInfo(request, codec.downstream, clock.wallMs(), clock.monotonicMs());
    this.#timers = new StreamTimers(runtime.timers, this, runtime.scaledStreamIdle);
    this.flushTimeoutMs = runtime.config.streamFlushTimeoutMs;
    this.#requestGate = new FilterGate(new RequestSide(this, runtime.requestFilters));
    this.#responseGate = new FilterGate(new ResponseSide(this, runtime.responseFilters));
    const { stats } = runtime;
    stats.downstream_rq_total.value++;
    stats.downstream_rq_active.value++;
    runtime.openStreams?.add(this);
  }

  /** Starts with the head. `hasBody` false: nothing follows. */
  begin(hasBody: boolean): void {
    const { config, scope, routes } = this.#runtime;
    const { request } = this;
    this.isRequestWhole = !hasBody;
    if (!hasBody) this.#requestDone();
    if (scope.overload !== undefined && scope.overload.refusedShare > 0 && scope.random() < scope.overload.refusedShare)
      return this.#shed();
    this.#timers.start(config.streamIdleTimeoutMs, hasBody ? config.requestTimeoutMs : 0, config.maxStreamDurationMs || undefined);
    if (config.underscores === 'drop') this.#dropUnderscored();
    const refusal = checkTarget(request, config);
    if (refusal !== undefined) return this.#refuse(refusal);
    if (request.expectsContinue) this.#expectContinue();
    const origin = cleanRequest(request, this.connection, config.hygiene, routes.current()?.internalOnlyHeaders?.(request));
    this.isInternal = origin.isInternal;
    if (origin.client !== '') this.info.clientAddress = { host: origin.client, port: 0 };
    if (config.addsUserAgent) nameProxy(request.headers, scope.node);
    this.#proceed(origin.isEdge);
  }

  /** Too little is left to serve anybody: no route is looked for, and no filter hears of it. Source: Envoy, `stop_accepting_requests`. */
  #shed(): void {
    const { stats, config, allFilters } = this.#runtime;
    stats.downstream_rq_overload_close.value++;
    this.skipped = allFilters;
    this.isLast ||= upgradeOf(this.request, config) !== '';
    this.setFlag('UO');
    this.reply({ status: 503, body: 'envoy overloaded', details: 'overload' });
  }

  /** The head is clean: it finds its route, once that is known, and begins its way through the filters. */
  #proceed(isEdge: boolean): void {
    const { config, routes, tracing } = this.#runtime;
    const hasOwnId = tracing.onRequest(this.request, this.info, isEdge);
    if (routes.awaits?.(this.request, () => this.#routeKnown(hasOwnId)) !== true) return this.#enterFilters(hasOwnId);
    // who asks to upgrade goes on in another protocol, also where that is refused in the end
    if (upgradeOf(this.request, config) !== '') this.#beginUpgrade();
    this.holdRequest(BY_ROUTE);
  }

  #routeKnown(hasOwnId: boolean): void {
    if (this.isOver) return;
    this.releaseRequest(BY_ROUTE);
    this.#enterFilters(hasOwnId);
  }

  #enterFilters(hasOwnId: boolean): void {
    const { request } = this;
    const { config, tracing } = this.#runtime;
    this.#findRoute();
    if (tracing.begin !== undefined) this.trace = tracing.begin(request, this.info, hasOwnId);
    const upgrade = upgradeOf(request, config);
    if (upgrade !== '' && !this.#acceptUpgrade(upgrade)) return;
    this.#limitByRoute();
    this.#requestGate.headers();
  }

  recreate(body: readonly Uint8Array[], trailers: HeaderBlock | undefined): void {
    const codec = this.#codec;
    this.upstream = undefined;
    this.info.responseCodeDetails = 'internal_redirect';
    this.#complete(true);
    if (this.#requestHolds !== 0) codec.resumeReading();
    const next = new Stream(this.request, codec, this.#runtime);
    codec.replaceStream(next);
    next.#continue(this, body, trailers);
  }

  /** Goes on as what `former` was: its request is here as a whole, and was cleaned when it came. */
  #continue({ info, isInternal, routesTaken }: Stream, body: readonly Uint8Array[], trailers: HeaderBlock | undefined): void {
    const { config } = this.#runtime;
    const { startWallMs, startMs, bytesReceived, clientAddress, filterState, sharing } = info;
    Object.assign(this.info, { startWallMs, startMs, bytesReceived, clientAddress, filterState, sharing });
    this.isInternal = isInternal;
    this.routesTaken = routesTaken;
    this.isRequestWhole = body.length === 0 && trailers === undefined;
    this.requestTrailers = trailers;
    this.#requestDone();
    this.#timers.start(config.streamIdleTimeoutMs, 0, config.maxStreamDurationMs || undefined);
    const refusal = checkTarget(this.request, config);
    if (refusal !== undefined) return this.#refuse(refusal);
    this.#proceed(false);
    if (this.isRequestWhole) return;
    for (const piece of body) {
      this.info.bytesReceived += piece.length;
      this.#requestGate.data(piece);
    }
    this.#requestGate.end();
  }

  data(view: Uint8Array): void {
    this.info.bytesReceived += view.length;
    this.#timers.touch();
    if (this.isTunnel) this.upstream?.onRequestData(view);
    else this.#requestGate.data(view);
  }

  end(trailers: HeaderBlock | undefined): void {
    if (this.isRequestDone) return;
    this.#requestDone();
    if (this.isOver) return;
    if (this.isTunnel) return this.upstream?.onRequestEnd(undefined);
    this.requestTrailers = trailers;
    this.#requestGate.end();
  }

  /** The client's connection is gone; `reason` is what its socket said. */
  clientGone(reason: string): void {
    if (this.isOver) return;
    if (!this.isTunnel) this.#runtime.stats.downstream_rq_rx_reset.value++;
    this.setFlag('DC');
    this.info.responseCodeDetails = 'downstream_remote_disconnect';
    this.info.terminationDetails = reason;
    this.#complete();
  }

  /** The client's side of a tunnel has ended with its connection's. */
  clientEnded(): void {
    this.setFlag('DC');
    this.info.responseCodeDetails = 'downstream_remote_disconnect';
    this.end(undefined);
  }

  /** The client has taken its request back, or broken the protocol so that the codec ended the stream. */
  clientReset(flag: ResponseFlag | undefined, details: string): void {
    if (this.isOver) return;
    this.#runtime.stats.downstream_rq_rx_reset.value++;
    if (flag !== undefined) this.setFlag(flag);
    if (details !== '') this.info.responseCodeDetails = details;
    this.#complete();
  }

  /** The request breaks the protocol after its head. */
  malformed(error: ProtocolError): void {
    this.isLast = true;
    this.reply({ status: error.status, details: breachDetails(error), body: reasonOf(error.status), flag: 'DPE' });
  }

  /** The codec takes bytes again. */
  drained(): void {
    if (this.isOver) return;
    this.#runtime.stats.downstream_flow_control_resumed_reading_total.value++;
    this.releaseResponse(BY_READER);
  }

  refreshRoute(): void {
    this.#findRoute();
    this.#limitByRoute();
  }

  #findRoute(): void {
    const { routes, scope, skippedFilters } = this.#runtime;
    const isFirst = this.route === undefined;
    this.#chance = scope.random();
    const route = routes.current()?.match(this.request, this.#chance, this.info);
    this.route = route;
    this.choice = route?.action.kind === 'cluster' ? route.action.cluster(this.request, scope.random()) : undefined;
    this.info.route = route;
    this.info.clusterName = this.choice?.name ?? '';
    this.info.routeName = route?.name ?? '';
    this.info.virtualHostName = route?.virtualHostName ?? '';
    // a later route is that of a request on its way through the chain, which stays as it is
    if (isFirst) this.skipped = skippedFilters(route?.perFilter, this.choice?.perFilter);
  }

  reroute(forward: Forward, refuse: () => void): boolean {
    const { routes } = this.#runtime;
    if (routes.awaits?.(this.request, () => this.#rerouted(forward, refuse)) === true) {
      this.holdRequest(BY_ROUTE);
      return true;
    }
    if (routes.current()?.match(this.request, this.#chance, this.info) === this.route) return false;
    this.#rerouted(forward, refuse);
    return true;
  }

  #rerouted(forward: Forward, refuse: () => void): void {
    if (this.isOver) return;
    this.releaseRequest(BY_ROUTE);
    const { route, choice } = this;
    this.refreshRoute();
    if (this.route !== route && !passAlike({ route, choice }, this)) return refuse();
    const upgrade = upgradeOf(this.request, this.#runtime.config);
    if (upgrade !== '' && !this.#acceptUpgrade(upgrade)) return;
    if (this.route?.action.kind === 'cluster') forward(this.route, this.route.action);
    else this.#replyByRoute(this.route);
  }

  perRoute(filterName: string): unknown {
    const own = this.choice?.perFilter.get(filterName) ?? this.route?.perFilter.get(filterName);
    return own === FILTER_DISABLED || own === FILTER_ENABLED ? undefined : own;
  }

  after(delayMs: number, callback: () => void): void {
    this.#timers.after(delayMs, callback);
  }

  setFlag(flag: ResponseFlag): void {
    this.info.flags |= flagBit(flag);
  }

  resumeRequest(): void {
    this.#requestGate.resume();
  }

  resumeResponse(): void {
    this.#responseGate.resume();
  }

  collect(options: CollectOptions): void {
    this.#requestGate.collect(options);
  }

  collectResponse(options: CollectOptions): void {
    this.#responseGate.collect(options);
  }

  passRequestData(handlers: HttpFilterHandlers, data: Uint8Array): void {
    this.#requestGate.pass(data, standingOf(this.#runtime.requestFilters.standings, handlers).dataAfter);
  }

  passResponseData(handlers: HttpFilterHandlers, data: Uint8Array): void {
    this.#responseGate.pass(data, standingOf(this.#runtime.responseFilters.standings, handlers).dataAfter);
  }

  reply(reply: LocalReply): void {
    if (this.isOver) return;
    this.#requestGate.close();
    if (reply.flag !== undefined) this.setFlag(reply.flag);
    if (reply.flag === 'NC') this.#runtime.stats.no_cluster.value++;
    if (this.#hasHead) return this.#abort(reply.details);
    const { upstream } = this;
    this.upstream = undefined;
    upstream?.cancel();
    this.info.responseCodeDetails = reply.details.replaceAll(' ', '_');
    this.#restartResponse();
    this.#answer(reply);
  }

  respondInformational(head: Response): void {
    if (this.isOver || this.#hasHead || !this.#runtime.config.proxiesContinue) return;
    countStatus(this.#runtime.stats, head.status);
    this.#codec.writeInformational(head.status, head.headers);
  }

  respond(head: Response, isEnd: boolean): void {
    if (this.isOver) return;
    // what header changes may name
    this.info.responseCode = head.status;
    this.#applyRoute(head);
    this.#respondWith(head, isEnd);
  }

  respondData(view: Uint8Array): void {
    if (this.isOver) return;
    this.#timers.touch();
    if (this.isTunnel) this.writeData(view);
    else this.#responseGate.data(view);
  }

  respondEnd(trailers: HeaderBlock | undefined): void {
    if (this.isOver) return;
    if (this.isTunnel) return this.writeEnd();
    this.responseTrailers = trailers;
    this.#responseGate.end();
  }

  respondHalfEnd(): boolean {
    if (this.isOver || !this.isTunnel || this.isRequestDone || this.#codec.isHalfOpen !== true) return false;
    this.#codec.writeEnd(undefined);
    return true;
  }

  endTunnel(): void {
    if (!this.isOver) this.#finish();
  }

  beginTunnel(): void {
    this.isTunnel = true;
    const { stats } = this.#runtime;
    stats.downstream_cx_upgrades_total.value++;
    stats.downstream_cx_upgrades_active.value++;
    this.#codec.beginTunnel();
  }

  abort(flag: ResponseFlag, details: string): void {
    if (this.isOver) return;
    this.setFlag(flag);
    this.#abort(details);
  }

  /** All request filters have passed: the route's action. */
  routeRequest(): void {
    const { route } = this;
    const { stats, router } = this.#runtime;
    stats.rq_total.value++;
    if (route?.action.kind !== 'cluster') return this.#replyByRoute(route);
    const exchange = new Exchange(this, route, route.action, router, this.isRequestWhole);
    this.upstream = exchange;
    exchange.begin();
  }

  /** Answers a request that no route sends to a cluster. */
  #replyByRoute(route: RouteEntry | undefined): void {
    const { stats } = this.#runtime;
    if (route === undefined) {
      stats.no_route.value++;
      return this.reply({ status: 404, details: 'route_not_found', flag: 'NR' });
    }
    const { action } = route;
    if (action.kind === 'redirect') {
      stats.rq_redirect.value++;
      this.#replyDirectly(action.status, '', [['location', action.location(this.request)]]);
    } else if (action.kind === 'direct') {
      stats.rq_direct_response.value++;
      const { format } = action;
      if (format === undefined) this.#replyDirectly(action.status, action.body);
      else this.#replyDirectly(action.status, format.render(this.info, action.body), [['content-type', format.contentType]]);
    }
  }

  forwardData(view: Uint8Array): void {
    this.upstream?.onRequestData(view);
  }

  forwardEnd(): void {
    this.upstream?.onRequestEnd(this.requestTrailers);
  }

  /** A filter that wanted the whole body gets more than it takes. */
  refuseBody(): void {
    this.reply({ status: 413, body: reasonOf(413), details: 'request_payload_too_large' });
  }

  /** All response filters have passed the head. */
  writeHead(): void {
    const { response } = this;
    if (response === undefined || this.isOver) return;
    this.#hasHead = true;
    this.#finishHead(response);
    if (!this.isRequestDone && !this.isUpgrade) this.#runtime.stats.downstream_rq_response_before_rq_complete.value++;
    this.#codec.writeHead(response, this);
    if (this.isResponseWhole) this.#finish();
  }

  writeData(view: Uint8Array): void {
    if (view.length === 0) return;
    this.info.bytesSent += view.length;
    if (this.#codec.writeData(view)) return;
    this.#runtime.stats.downstream_flow_control_paused_reading_total.value++;
    this.holdResponse(BY_READER);
  }

  writeEnd(): void {
    this.#codec.writeEnd(this.responseTrailers);
    this.#finish();
  }

  pauseReading(): void {
    this.holdRequest(BY_READER);
  }

  resumeReading(): void {
    this.releaseRequest(BY_READER);
  }

  holdRequest(who = BY_FILTER): void {
    if (this.#requestHolds === 0) this.#codec.pauseReading();
    this.#requestHolds |= who;
  }

  releaseRequest(who = BY_FILTER): void {
    if (this.#requestHolds === 0) return;
    this.#requestHolds &= ~who;
    if (this.#requestHolds === 0) this.#codec.resumeReading();
  }

  holdResponse(who = BY_FILTER): void {
    if (this.#responseHolds === 0) this.upstream?.pauseResponse();
    this.#responseHolds |= who;
  }

  releaseResponse(who = BY_FILTER): void {
    if (this.#responseHolds === 0) return;
    this.#responseHolds &= ~who;
    if (this.#responseHolds === 0) this.upstream?.resumeResponse();
  }

  onRequestTimeout(): void {
    this.#runtime.stats.downstream_rq_timeout.value++;
    this.reply({ status: 408, body: 'request timeout', details: 'request_overall_timeout' });
  }

  onMaxDuration(): void {
    this.#runtime.stats.downstream_rq_max_duration_reached.value++;
    const status = this.isRequestDone ? 504 : 408;
    this.reply({ status, body: 'downstream duration timeout', details: 'max_duration_timeout', grpcStatus: DEADLINE_EXCEEDED });
  }

  onIdle(): void {
    this.#runtime.stats.downstream_rq_idle_timeout.value++;
    if (this.#hasHead) return this.abort('SI', 'stream_idle_timeout');
    // who waits for whom: for the client's request, or for the upstream's answer
    if (this.isRequestDone) return this.reply({ status: 504, body: 'stream timeout', details: 'stream_idle_timeout', flag: 'SI' });
    this.reply({ status: 408, body: 'stream timeout', details: 'stream_idle_timeout', flag: 'SI' });
  }

  #abort(details: string): void {
    this.info.responseCodeDetails = details.replaceAll(' ', '_');
    const { stats } = this.#runtime;
    stats.downstream_rq_tx_reset.value++;
    if (this.#hasHead) stats.rq_reset_after_downstream_response_started.value++;
    this.#complete();
    this.#codec.onStreamEnd(this, true);
  }

  #dropUnderscored(): void {
    const { http1Stats, http2Stats } = this.#runtime;
    const { headers, protocol } = this.request;
    const dropped = (protocol === 'HTTP/2' ? http2Stats : http1Stats).dropped_headers_with_underscores;
    for (const name of underscored(headers)) {
      headers.remove(name);
      dropped.value++;
    }
  }

  #refuse({ reply, isLast }: Refusal): void {
    this.isLast ||= isLast;
    if (reply.status === 307) this.#runtime.stats.downstream_rq_redirected_with_normalized_path.value++;
    this.reply(reply);
  }

  /** The client waits for word that it may send the body: from us, or where so configured from the upstream. */
  #expectContinue(): void {
    const { config, stats } = this.#runtime;
    if (config.proxiesContinue) return this.request.headers.set('expect', '100-continue');
    countStatus(stats, 100);
    this.#codec.writeInformational(100, new HeaderBlock());
  }

  /** The route's time limits take the place of the connection manager's. */
  #limitByRoute(): void {
    const { action } = this.route ?? {};
    if (action?.kind !== 'cluster') return;
    const { config, scope } = this.#runtime;
    const { idleTimeoutMs, timeouts } = action;
    this.flushTimeoutMs = action.flushTimeoutMs ?? (config.isFlushTimeoutIdle ? idleTimeoutMs : undefined) ?? config.streamFlushTimeoutMs;
    const { limitMs, grpcTimeout } = streamDuration(timeouts, this.request, config.maxStreamDurationMs);
    if (grpcTimeout !== undefined) this.request.headers.set('grpc-timeout', grpcTimeout);
    this.#timers.override(idleTimeoutMs, limitMs, scope.clock.monotonicMs() - this.info.startMs);
  }

  #acceptUpgrade(upgrade: string): boolean {
    // nowhere to tunnel to: as any request without a route
    if (upgrade === 'connect' && this.route === undefined) return true;
    if (!isUpgradeAllowed(upgrade, this.route, this.#runtime.config)) {
      this.#runtime.stats.downstream_rq_ws_on_non_ws_route.value++;
      this.#refuse({ reply: { status: 403, details: 'upgrade_failed' }, isLast: true });
      return false;
    }
    this.#beginUpgrade();
    return true;
  }

  #beginUpgrade(): void {
    this.isUpgrade = true;
    this.isRequestWhole = false;
    this.isRequestDone = false;
  }

  /** Responds by ourselves. */
  #answer(reply: Omit<LocalReply, 'details'>): void {
    const { mapReply } = this.#runtime;
    const mapped = mapReply === undefined ? reply : mapReply(reply, this.info);
    const message = localMessage(this.isGrpcWeb ? undefined : this.request.headers, mapped);
    const { head } = message;
    this.info.responseCode = head.status;
    if (reply.isBare !== true) this.#applyRoute(head);
    this.#respondWith(head, message.body.length === 0 || this.request.method === 'HEAD');
    if (this.isOver || this.isResponseWhole) return;
    this.#responseGate.data(message.body);
    this.#responseGate.end();
  }

  #replyDirectly(status: number, body: string, headers: NonNullable<LocalReply['headers']> = []): void {
    this.info.responseCodeDetails = 'direct_response';
    this.#answer({ status, body, headers });
  }

  #applyRoute(head: Response): void {
    this.route?.headers?.applyResponse(this, head);
    this.choice?.headers?.applyResponse(this, head);
  }

  #respondWith(head: Response, isWhole: boolean): void {
    this.response = head;
    this.info.response = head;
    this.info.responseCode = head.status;
    this.isResponseWhole = isWhole;
    this.#responseGate.headers();
  }

  /** A reply takes the place of a response that filters have seen but not passed yet. */
  #restartResponse(): void {
    if (this.response === undefined) return;
    this.#responseGate.close();
    this.#responseGate = new FilterGate(new ResponseSide(this, this.#runtime.responseFilters));
  }

  /** What the connection manager itself puts into every response. */
  #finishHead({ headers, status }: Response): void {
    finishHead(headers, this.#runtime);
    this.trace?.onResponse(headers);
    if (status < 200 || status === 204) headers.remove('content-length');
    if (!this.#runtime.config.answersRequestId) return;
    const requestId = this.request.headers.get('x-request-id');
    if (requestId !== undefined) headers.set('x-request-id', requestId);
  }

  #requestDone(): void {
    this.isRequestDone = true;
    this.info.requestEndMs = this.#runtime.scope.clock.monotonicMs();
    this.#timers.requestDone();
  }

  #finish(): void {
    this.#complete();
    this.#codec.onStreamEnd(this, false);
  }

  /** The end: nothing happens on the stream any more, and those who count and log see it once. */
  #complete(isReplaced = false): void {
    if (this.isOver) return;
    this.isOver = true;
    const { stats, scope, accessLog, onComplete, openStreams } = this.#runtime;
    openStreams?.delete(this);
    this.#requestGate.close();
    this.#responseGate.close();
    this.#timers.stop();
    const { upstream, info } = this;
    this.upstream = undefined;
    upstream?.cancel();
    info.endMs = scope.clock.monotonicMs();
    info.requestTrailers = this.requestTrailers;
    info.responseTrailers = this.responseTrailers;
    countStream(stats, info, isReplaced);
    for (const filter of onComplete) if (this.skipped?.has(filter) !== true) filter.onComplete(this);
    this.trace?.end();
    accessLog?.log(info);
    if (this.isTunnel) stats.downstream_cx_upgrades_active.value--;
  }
}
