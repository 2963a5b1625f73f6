/**
 * One request and its response on a downstream connection.
 *
 * ```
 *  decoder ─▶ clean ─▶ route ─▶ request filters ─▶ router ─▶ host
 *  client  ◀─ write ◀──────── response filters ◀── router ◀─ host
 * ```
 * It ends once the response is written; then logs and metrics see it, and the connection may take the next request.
 */
import type { ProtocolError } from '../../core/errors.ts';
import type { HeaderBlock } from '../../wire/http/headers.ts';
import { chunkStart, CHUNK_END, lastChunk } from '../../wire/http1/chunked.ts';
import { CONTINUE_TEXT, reasonOf, responseHeadText } from '../../wire/http1/encode.ts';
import type { Http1Request } from '../../wire/http1/head.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import type { Downstream, Response, Upstream } from '../router/downstream.ts';
import type { ClusterChoice, RouteEntry } from '../router/route.ts';
import { Exchange } from '../router/router.ts';
import { observe } from '../telemetry/stats.ts';
import type { WheelTimer } from '../timers.ts';
import { finishHead } from './finish-head.ts';
import type { CollectOptions, HttpFilterHandlers, HttpStream, LocalReply } from './filter.ts';
import { FilterGate } from './filter-gate.ts';
import { type GatedStream, RequestSide, ResponseSide, standingOf } from './gate-sides.ts';
import type { HcmRuntime } from './hcm-runtime.ts';
import { breachDetails, localMessage } from './local-reply.ts';
import { normalizePath } from './normalize-path.ts';
import { cleanRequest, underscored } from './request-hygiene.ts';
import { flagBit, type ResponseFlag, type StreamInfo } from './stream-info.ts';
import { newStreamInfo } from './stream-state.ts';

const SLASH = 0x2f;

/** The downstream connection, as its stream sees it. */
export interface StreamOwner {
  readonly downstream: DownstreamConnection;
  /** Whether the connection is to be closed after this response. */
  shouldClose(): boolean;
  writeText(text: string): boolean;
  writeBytes(view: Uint8Array): boolean;
  pauseReading(): void;
  resumeReading(): void;
  /** The response is out (`isClosing`: it was the connection's last), or cannot be completed (`isBroken`). */
  onStreamEnd(isClosing: boolean, isBroken: boolean): void;
  beginTunnel(): void;
  /** The tunnel's upstream side has ended. */
  endTunnel(): void;
}

/** Who asks that no more bytes come: a filter, or whoever they go to. */
const BY_FILTER = 1;
const BY_READER = 2;

export class Stream implements Downstream, GatedStream {
  readonly request: Http1Request;
  readonly connection: DownstreamConnection;
  readonly info: StreamInfo;
  response: Response | undefined = undefined;
  route: RouteEntry | undefined = undefined;
  choice: ClusterChoice | undefined = undefined;
  isUpgrade = false;
  isInternal = false;
  isGrpcWeb = false;
  isRequestWhole = false;
  isRequestDone = false;
  requestTrailers: HeaderBlock | undefined = undefined;
  responseTrailers: HeaderBlock | undefined = undefined;
  overrideHost: HttpStream['overrideHost'] = undefined;
  /** The response has no body. */
  isResponseWhole = false;
  upstream: Upstream | undefined = undefined;
  readonly #runtime: HcmRuntime;
  readonly #owner: StreamOwner;
  #requestGate: FilterGate;
  #responseGate: FilterGate;
  #hasHead = false;
  #isChunked = false;
  #isClosing = false;
  #isTunnel = false;
  #isOver = false;
  #requestHolds = 0;
  #responseHolds = 0;
  #idle: WheelTimer | undefined = undefined;
  #deadline: WheelTimer | undefined = undefined;
  #maxDuration: WheelTimer | undefined = undefined;
  #delays: WheelTimer[] | undefined = undefined;

  constructor(request: Http1Request, owner: StreamOwner, runtime: HcmRuntime) {
    const { clock } = runtime.scope;
    this.request = request;
    this.connection = owner.downstream;
    this.#owner = owner;
    this.#runtime = runtime;
    this.info = newStreamInfo(request, owner.downstream, clock.wallMs(), clock.monotonicMs());
    this.#requestGate = new FilterGate(new RequestSide(this, runtime.requestFilters));
    this.#responseGate = new FilterGate(new ResponseSide(this, runtime.responseFilters));
    const { stats } = runtime;
    stats.downstream_rq_total.value++;
    stats.downstream_rq_http1_total.value++;
    stats.downstream_rq_active.value++;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isTunnel(): boolean {
    return this.#isTunnel;
  }

  /** Starts with the head. `hasBody` false: nothing follows. */
  begin(hasBody: boolean): void {
    const { config, timers, tracing } = this.#runtime;
    const { request } = this;
    this.isRequestWhole = !hasBody;
    if (!hasBody) this.#requestDone();
    this.#startTimers(config);
    if (!this.#checkRequest()) return;
    if (request.expectsContinue) this.#owner.writeText(CONTINUE_TEXT);
    const origin = cleanRequest(request, this.connection, config.hygiene);
    this.isInternal = origin.isInternal;
    if (origin.client !== '') this.info.clientAddress = { host: origin.client, port: 0 };
    tracing.onRequest(request, this.info, origin.isEdge);
    this.refreshRoute();
    if (request.upgrade !== '' && !this.#checkUpgrade()) return;
    if (this.route?.action.kind === 'cluster' && this.route.action.idleTimeoutMs !== undefined) {
      timers.cancel(this.#idle);
      this.#idle = undefined;
      this.#touch();
    }
    this.#requestGate.headers();
  }

  data(view: Uint8Array): void {
    this.info.bytesReceived += view.length;
    this.#touch();
    if (this.#isTunnel) this.upstream?.onRequestData(view);
    else this.#requestGate.data(view);
  }

  end(trailers: HeaderBlock | undefined): void {
    if (this.isRequestDone) return;
    this.#requestDone();
    if (this.#isOver) return;
    if (this.#isTunnel) this.upstream?.onRequestEnd(undefined);
    else {
      if (this.#runtime.config.passesTrailers) this.requestTrailers = trailers;
      this.#requestGate.end();
    }
  }

  /** The client's connection is gone. */
  clientGone(details: string): void {
    if (this.#isOver) return;
    if (!this.#isTunnel) this.#runtime.stats.downstream_rq_rx_reset.value++;
    this.setFlag('DC');
    this.info.responseCodeDetails = 'downstream_remote_disconnect';
    this.info.terminationDetails = details;
    this.#complete();
  }

  /** The request breaks the protocol after its head. */
  malformed(error: ProtocolError): void {
    this.#isClosing = true;
    this.reply({ status: error.status, details: breachDetails(error), body: reasonOf(error.status), flag: 'DPE' });
  }

  drained(): void {
    if (this.#isOver) return;
    this.#runtime.stats.downstream_flow_control_resumed_reading_total.value++;
    this.#release(BY_READER);
  }

  refreshRoute(): void {
    const { routes, scope } = this.#runtime;
    const route = routes.current()?.match(this.request, scope.random());
    this.route = route;
    this.choice = route?.action.kind === 'cluster' ? route.action.cluster(this.request, scope.random()) : undefined;
    this.info.route = route;
    this.info.clusterName = this.choice?.name ?? '';
    this.info.routeName = route?.name ?? '';
    this.info.virtualHostName = route?.virtualHostName ?? '';
  }

  perRoute(filterName: string): unknown {
    return this.choice?.perFilter.get(filterName) ?? this.route?.perFilter.get(filterName);
  }

  after(delayMs: number, callback: () => void): void {
    (this.#delays ??= []).push(
      this.#runtime.timers.after(delayMs, () => {
        if (!this.#isOver) callback();
      }),
    );
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

  pauseReading(): void {
    this.#holdRequest(BY_READER);
  }

  resumeReading(): void {
    this.#releaseRequest(BY_READER);
  }

  holdRequest(): void {
    this.#holdRequest(BY_FILTER);
  }

  releaseRequest(): void {
    this.#releaseRequest(BY_FILTER);
  }

  holdResponse(): void {
    this.#hold(BY_FILTER);
  }

  releaseResponse(): void {
    this.#release(BY_FILTER);
  }

  /** A filter that wanted the whole body gets more than it takes. */
  refuseBody(): void {
    this.reply({ status: 413, body: reasonOf(413), details: 'request_payload_too_large' });
  }

  forwardData(view: Uint8Array): void {
    this.upstream?.onRequestData(view);
  }

  forwardEnd(): void {
    this.upstream?.onRequestEnd(this.requestTrailers);
  }

  reply(reply: LocalReply): void {
    if (this.#isOver) return;
    this.#requestGate.close();
    if (reply.flag !== undefined) this.setFlag(reply.flag);
    if (this.#hasHead) return this.abort(reply.flag ?? 'LR', reply.details);
    this.upstream?.cancel();
    this.upstream = undefined;
    this.info.responseCodeDetails = reply.details.replaceAll(' ', '_');
    this.#restartResponse();
    this.#answer(reply.status, reply.body ?? '', reply.headers ?? [], reply.isBare === true);
  }

  /** Responds by ourselves; `isBare`: without what the route adds to responses. */
  #answer(status: number, body: string, fields: readonly (readonly [string, string])[], isBare: boolean): void {
    const message = localMessage(this.isGrpcWeb ? undefined : this.request.headers, status, body, fields);
    const { head } = message;
    this.info.responseCode = head.status;
    if (!isBare) this.#applyRoute(head);
    this.#respondWith(head, message.body.length === 0 || this.request.method === 'HEAD');
    if (this.#isOver || this.isResponseWhole) return;
    this.#responseGate.data(message.body);
    this.#responseGate.end();
  }

  #applyRoute(head: Response): void {
    this.route?.headers?.applyResponse(this, head);
    this.choice?.headers?.applyResponse(this, head);
  }

  respond(head: Response, isEnd: boolean): void {
    if (this.#isOver) return;
    // what header changes may name
    this.info.responseCode = head.status;
    this.#applyRoute(head);
    this.#respondWith(head, isEnd);
  }

  respondData(view: Uint8Array): void {
    if (this.#isOver) return;
    this.#touch();
    if (this.#isTunnel) this.#writeTunnel(view);
    else this.#responseGate.data(view);
  }

  respondEnd(trailers: HeaderBlock | undefined): void {
    if (this.#isOver) return;
    if (this.#isTunnel) {
      this.#owner.endTunnel();
      this.#complete();
    } else {
      this.responseTrailers = trailers;
      this.#responseGate.end();
    }
  }

  beginTunnel(): void {
    this.#isTunnel = true;
    const { stats } = this.#runtime;
    stats.downstream_cx_upgrades_total.value++;
    stats.downstream_cx_upgrades_active.value++;
    this.#owner.beginTunnel();
  }

  abort(flag: ResponseFlag, details: string): void {
    if (this.#isOver) return;
    this.setFlag(flag);
    this.info.responseCodeDetails = details.replaceAll(' ', '_');
    this.#runtime.stats.downstream_rq_tx_reset.value++;
    if (this.#hasHead) this.#runtime.stats.rq_reset_after_downstream_response_started.value++;
    this.#isClosing = true;
    this.#complete();
    this.#owner.onStreamEnd(true, true);
  }

  /** All request filters have passed: the route's action. */
  routeRequest(): void {
    const { route } = this;
    const { stats } = this.#runtime;
    stats.rq_total.value++;
    if (route === undefined) {
      stats.no_route.value++;
      return this.reply({ status: 404, details: 'route_not_found', flag: 'NR' });
    }
    const { action } = route;
    if (action.kind === 'cluster') {
      const exchange = new Exchange(this, route, action, this.#runtime.router, this.isRequestWhole);
      this.upstream = exchange;
      exchange.begin();
    } else if (action.kind === 'redirect') {
      stats.rq_redirect.value++;
      this.#replyByRoute(action.status, '', [['location', action.location(this.request)]]);
    } else {
      stats.rq_direct_response.value++;
      this.#replyByRoute(action.status, action.body, []);
    }
  }

  /** All response filters have passed the head. */
  writeHead(): void {
    const { response, request } = this;
    if (response === undefined || this.#isOver) return;
    this.#hasHead = true;
    this.#finishHead(response);
    const isUpgraded = this.#isTunnel && response.status === 101;
    this.#isChunked = !this.isResponseWhole && !isUpgraded && response.contentLength < 0 && request.protocol === 'HTTP/1.1';
    const isUnframed = !this.isResponseWhole && !isUpgraded && response.contentLength < 0 && !this.#isChunked;
    const isTunnelRefused = !isUpgraded && (this.isUpgrade || request.method === 'CONNECT');
    this.#isClosing ||=
      isUnframed || isTunnelRefused || !request.isPersistent || (!this.isRequestDone && !this.isUpgrade) || this.#owner.shouldClose();
    const connection = this.#isClosing ? 'close' : request.protocol === 'HTTP/1.0' ? 'keep-alive' : '';
    if (!this.isRequestDone && !this.isUpgrade) this.#runtime.stats.downstream_rq_response_before_rq_complete.value++;
    this.#owner.writeText(
      responseHeadText(response.status, response.headers, this.#isChunked, connection, isUpgraded ? request.upgrade : ''),
    );
    if (this.isResponseWhole) this.#finish();
  }

  writeData(view: Uint8Array): void {
    if (view.length === 0) return;
    this.info.bytesSent += view.length;
    if (this.#isChunked) this.#owner.writeText(chunkStart(view.length));
    let hasRoom = this.#owner.writeBytes(view);
    if (this.#isChunked) hasRoom = this.#owner.writeText(CHUNK_END);
    if (!hasRoom) this.#pauseUpstream();
  }

  writeEnd(): void {
    if (this.#isChunked) this.#owner.writeText(lastChunk(this.#runtime.config.passesTrailers ? this.responseTrailers : undefined));
    this.#finish();
  }

  #writeTunnel(view: Uint8Array): void {
    this.info.bytesSent += view.length;
    if (!this.#owner.writeBytes(view)) this.#pauseUpstream();
  }

  #pauseUpstream(): void {
    this.#runtime.stats.downstream_flow_control_paused_reading_total.value++;
    this.#hold(BY_READER);
  }

  #holdRequest(who: number): void {
    if (this.#requestHolds === 0) this.#owner.pauseReading();
    this.#requestHolds |= who;
  }

  #releaseRequest(who: number): void {
    if (this.#requestHolds === 0) return;
    this.#requestHolds &= ~who;
    if (this.#requestHolds === 0) this.#owner.resumeReading();
  }

  #hold(who: number): void {
    if (this.#responseHolds === 0) this.upstream?.pauseResponse();
    this.#responseHolds |= who;
  }

  #release(who: number): void {
    if (this.#responseHolds === 0) return;
    this.#responseHolds &= ~who;
    if (this.#responseHolds === 0) this.upstream?.resumeResponse();
  }

  #replyByRoute(status: number, body: string, fields: readonly (readonly [string, string])[]): void {
    this.info.responseCodeDetails = 'direct_response';
    this.#answer(status, body, fields, false);
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
    const { config } = this.#runtime;
    finishHead(headers, this.#runtime);
    if (status < 200 || status === 204) headers.remove('content-length');
    if (!config.answersRequestId) return;
    const requestId = this.request.headers.get('x-request-id');
    if (requestId !== undefined) headers.set('x-request-id', requestId);
  }

  /** Refuses what the configuration forbids, before anything else looks at the request. */
  #checkRequest(): boolean {
    const { config, stats } = this.#runtime;
    const { request } = this;
    if (request.isAbsolute && !config.allowsAbsoluteUrl) return this.#refuse(404, 'absolute_path_rejected', '');
    if (config.underscores === 'drop') for (const name of underscored(request.headers)) request.headers.remove(name);
    if (request.method === 'CONNECT') return true;
    if (request.path.charCodeAt(0) !== SLASH) return this.#refuse(404, 'absolute_path_rejected', '');
    const result = normalizePath(request.path, config.paths);
    if (result === undefined) {
      this.#isClosing = true;
      return this.#refuse(400, 'path_normalization_failed', '');
    }
    request.path = result.path;
    if (result.isRedirect) {
      stats.downstream_rq_redirected_with_normalized_path.value++;
      this.reply({ status: 307, details: 'path_normalization_failed', headers: [['location', result.path]] });
      return false;
    }
    return true;
  }

  #refuse(status: number, details: string, body: string): false {
    this.reply({ status, details, body });
    return false;
  }

  /** An upgrade that nobody configured is refused; one to HTTP/2 is ignored, as its client must be prepared for. */
  #checkUpgrade(): boolean {
    const { upgrade } = this.request;
    if (upgrade === 'h2c') return true;
    const { action } = this.route ?? {};
    const ofRoute = action?.kind === 'cluster' ? action.upgrades.get(upgrade) : undefined;
    const isAllowed = ofRoute ?? this.#runtime.config.upgrades.get(upgrade) ?? false;
    if (!isAllowed) {
      this.#runtime.stats.downstream_rq_ws_on_non_ws_route.value++;
      this.#isClosing = true;
      return this.#refuse(403, 'upgrade_failed', '');
    }
    this.isUpgrade = true;
    this.isRequestWhole = false;
    this.isRequestDone = false;
    return true;
  }

  #requestDone(): void {
    this.isRequestDone = true;
    const { clock } = this.#runtime.scope;
    this.info.requestEndMs = clock.monotonicMs();
    this.#runtime.timers.cancel(this.#deadline);
  }

  #startTimers({ requestTimeoutMs, maxStreamDurationMs }: HcmRuntime['config']): void {
    const { timers } = this.#runtime;
    if (requestTimeoutMs > 0 && !this.isRequestDone) this.#deadline = timers.after(requestTimeoutMs, () => this.#onRequestTimeout());
    if (maxStreamDurationMs > 0) this.#maxDuration = timers.after(maxStreamDurationMs, () => this.#onMaxDuration());
    this.#touch();
  }

  /** Something moved: the stream is not idle. */
  #touch(): void {
    const { config, timers } = this.#runtime;
    const { action } = this.route ?? {};
    const ofRoute = action?.kind === 'cluster' ? action.idleTimeoutMs : undefined;
    const idleMs = ofRoute ?? config.streamIdleTimeoutMs;
    if (idleMs <= 0) return;
    if (this.#idle !== undefined) timers.cancel(this.#idle);
    this.#idle = timers.after(idleMs, () => this.#onIdle());
  }

  #onRequestTimeout(): void {
    this.#runtime.stats.downstream_rq_timeout.value++;
    this.#isClosing = true;
    this.reply({ status: 408, body: 'request timeout', details: 'request_overall_timeout' });
  }

  #onMaxDuration(): void {
    this.#runtime.stats.downstream_rq_max_duration_reached.value++;
    this.#isClosing = true;
    this.reply({ status: 408, body: 'downstream duration timeout', details: 'max_duration_timeout', flag: 'DT' });
  }

  #onIdle(): void {
    this.#runtime.stats.downstream_rq_idle_timeout.value++;
    if (this.#hasHead) return this.abort('SI', 'stream_idle_timeout');
    // who waits for whom: for the client's request, or for the upstream's answer
    if (this.isRequestDone) return this.reply({ status: 504, body: 'stream timeout', details: 'stream_idle_timeout', flag: 'SI' });
    this.#isClosing = true;
    this.reply({ status: 408, body: 'stream timeout', details: 'stream_idle_timeout', flag: 'SI' });
  }

  #finish(): void {
    const isUnread = !this.isRequestDone;
    this.#complete();
    this.#owner.onStreamEnd(this.#isClosing || isUnread, false);
  }

  /** The end: nothing happens on the stream any more, and those who count and log see it once. */
  #complete(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { timers, stats, scope, tracing, accessLog, onComplete } = this.#runtime;
    this.#requestGate.close();
    this.#responseGate.close();
    timers.cancel(this.#idle);
    timers.cancel(this.#deadline);
    timers.cancel(this.#maxDuration);
    for (const timer of this.#delays ?? []) timers.cancel(timer);
    const { upstream, info } = this;
    this.upstream = undefined;
    upstream?.cancel();
    info.endMs = scope.clock.monotonicMs();
    this.#count();
    for (const filter of onComplete) filter.onComplete(this);
    tracing.onComplete(info);
    accessLog?.log(info);
    if (this.#isTunnel) stats.downstream_cx_upgrades_active.value--;
  }

  #count(): void {
    const { stats } = this.#runtime;
    const { info } = this;
    stats.downstream_rq_active.value--;
    stats.downstream_rq_completed.value++;
    const ofClass = stats.statuses[Math.floor(info.responseCode / 100)];
    if (ofClass !== undefined && info.responseCode > 0) ofClass.value++;
    observe(stats.downstream_rq_time, info.endMs - info.startMs);
  }
}
