/**
 * A downstream HTTP/1.1 connection: one request at a time, in order. Requests that a client sends ahead (pipelining)
 * wait as bytes, at most one read's worth, while the connection is not read.
 */
import type { ProtocolError } from '../../core/errors.ts';
import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import type { HeaderBlock } from '../../wire/http/headers.ts';
import { CHUNK_END, chunkStart, lastChunk } from '../../wire/http1/chunked.ts';
import { createRequestDecoder, type RequestDecoder } from '../../wire/http1/decoder.ts';
import { properCase, reasonOf, responseHeadText } from '../../wire/http1/encode.ts';
import type { Http1Request } from '../../wire/http1/head.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import type { Response } from '../router/downstream.ts';
import type { WheelTimer } from '../timers.ts';
import type { ConnectionLife, LifeOwner } from './connection-life.ts';
import { finishHead } from './finish-head.ts';
import { isClosingForLoad } from './closing-for-load.ts';
import type { HcmRuntime } from './hcm-runtime.ts';
import { breachDetails, localMessage } from './local-reply.ts';
import { underscored } from './request-hygiene.ts';
import type { CodedStream, StreamCodec } from './stream-codec.ts';
import { countStatus } from './stream-counts.ts';
import { flagBit, type ResponseFlag } from './stream-info.ts';
import { newStreamInfo } from './stream-state.ts';
import { Stream } from './stream.ts';

/** Whether a response of that status is framed even where it is empty (RFC 9110 section 8.6). */
function mayHaveBody(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}

export class Http1Server implements ConnectionHandlers, StreamCodec, LifeOwner {
  readonly downstream: DownstreamConnection;
  readonly #connection: Connection;
  readonly #runtime: HcmRuntime;
  readonly #life: ConnectionLife;
  readonly #decoder: RequestDecoder;
  /** The request that is being answered, and how its response is framed. */
  #head: Http1Request | undefined = undefined;
  #isChunked = false;
  #isUntilClose = false;
  #isLast = false;
  #stream: Stream | undefined = undefined;
  #requests = 0;
  /** Bytes of requests that must wait for the one before them. */
  #backlog: Uint8Array | undefined = undefined;
  /** How many ask that the connection is not read. */
  #pauses = 0;
  #isBacklogged = false;
  #isHeldByStream = false;
  #isFeeding = false;
  #isClosing = false;
  #isExpired = false;
  #isTunnel = false;
  #headTimer: WheelTimer | undefined = undefined;
  #closeTimer: WheelTimer | undefined = undefined;
  #expiryTimer: WheelTimer | undefined = undefined;

  constructor(connection: Connection, life: ConnectionLife, runtime: HcmRuntime) {
    this.#connection = connection;
    this.downstream = life.downstream;
    this.#runtime = runtime;
    this.#life = life;
    life.owner = this;
    const { config, stats } = runtime;
    this.#decoder = createRequestDecoder(
      {
        onHead: (head, hasBody) => this.#onHead(head, hasBody),
        onBody: (view) => this.#stream?.data(view),
        onEnd: (trailers) => this.#stream?.end(config.passesTrailers ? trailers : undefined),
      },
      config,
    );
    stats.downstream_cx_http1_total.value++;
    stats.downstream_cx_http1_active.value++;
    connection.read(this);
  }

  writeInformational(status: number, headers: HeaderBlock): void {
    if (this.#head?.protocol === 'HTTP/1.1') this.#connection.writeText(responseHeadText(status, headers, false, '', ''));
  }

  writeHead(response: Response, stream: CodedStream): void {
    const head = this.#head;
    if (head === undefined) return;
    const isFramed = stream.isResponseWhole || stream.isTunnel || response.contentLength >= 0;
    const { status, headers } = response;
    // an answer of HTTP/2 may end with its head without saying so
    const isEmpty = stream.isResponseWhole && !stream.isTunnel && head.method !== 'HEAD' && mayHaveBody(status);
    if (isEmpty && !headers.has('content-length')) headers.add('content-length', '0');
    const isHttp11 = head.protocol === 'HTTP/1.1';
    this.#isChunked = !isFramed && isHttp11;
    this.#isUntilClose = !isFramed && !isHttp11;
    const isTunnelRefused = !stream.isTunnel && (stream.isUpgrade || head.method === 'CONNECT');
    const isUnread = !stream.isRequestDone && !stream.isUpgrade;
    this.#isLast = this.#isUntilClose || isTunnelRefused || !head.isPersistent || isUnread || stream.isLast || this.#shouldClose();
    const connection = this.#isLast ? 'close' : isHttp11 ? '' : 'keep-alive';
    const upgrade = stream.isTunnel ? head.upgrade : '';
    const text = responseHeadText(status, headers, this.#isChunked, stream.isTunnel ? '' : connection, upgrade);
    this.#connection.writeText(this.#runtime.config.isProperCase ? properCase(text) : text);
  }

  writeData(view: Uint8Array): boolean {
    if (!this.#isChunked) return this.#connection.writeBytes(view, true);
    this.#connection.writeText(chunkStart(view.length));
    this.#connection.writeBytes(view, true);
    return this.#connection.writeText(CHUNK_END);
  }

  writeEnd(trailers: HeaderBlock | undefined): void {
    if (this.#isChunked) this.#connection.writeText(lastChunk(this.#runtime.config.passesTrailers ? trailers : undefined));
  }

  pauseReading(): void {
    if (this.#isHeldByStream) return;
    this.#isHeldByStream = true;
    this.#pause();
  }

  resumeReading(): void {
    if (!this.#isHeldByStream) return;
    this.#isHeldByStream = false;
    this.#unpause();
  }

  replaceStream(stream: Stream): void {
    this.#runtime.stats.downstream_rq_http1_total.value++;
    this.#stream = stream;
  }

  onStreamEnd(stream: CodedStream, isBroken: boolean): void {
    this.#stream = undefined;
    this.resumeReading();
    // what was written goes out; only a body whose end is the connection's needs a reset to be seen to be cut
    if (isBroken) return this.#connection.destroy('response cut short', this.#isUntilClose);
    if (this.#isLast || stream.isTunnel || !stream.isRequestDone) return this.#closeGently();
    this.#life.idle();
    if (!this.#isFeeding) this.#goOn();
  }

  beginTunnel(): void {
    this.#isTunnel = true;
    // What the client has sent ahead belongs to the tunnel.
    if (!this.#isFeeding) this.#goOn();
  }

  onIdle(): void {
    this.#connection.destroy();
  }

  /** The next response is the last; where none comes, the connection goes after a while, unless that is ruled out. */
  onExpired(): void {
    const { config, timers } = this.#runtime;
    this.#isExpired = true;
    if (config.isMaxDurationSafe) return;
    this.#expiryTimer = timers.after(config.drainTimeoutMs, () => {
      if (this.#stream === undefined) this.#closeGently();
    });
  }

  onData(bytes: Uint8Array): void {
    this.#runtime.stats.downstream_cx_rx_bytes_total.value += bytes.length;
    if (this.#isClosing) return;
    if (this.#backlog === undefined) this.#feed(bytes);
    else this.#keep(bytes);
  }

  onEnd(): void {
    this.#life.hasPeerEnded = true;
    const stream = this.#stream;
    if (this.#isTunnel && stream !== undefined) return stream.clientEnded();
    // A client that has ended its side is taken to be gone, as Envoy takes it; what it asked for before still goes out.
    if (stream === undefined && this.#connection.pendingBytes > 0) this.#closeGently();
    else this.#connection.destroy();
  }

  onDrain(): void {
    this.#stream?.drained();
  }

  onClose(error: string | undefined): void {
    const { timers } = this.#runtime;
    for (const timer of [this.#headTimer, this.#closeTimer, this.#expiryTimer]) timers.cancel(timer);
    this.#runtime.stats.downstream_cx_http1_active.value--;
    this.#life.closed(this.#stream === undefined ? 0 : 1, error);
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.clientGone(error ?? '');
  }

  #feed(bytes: Uint8Array): void {
    const decoder = this.#decoder;
    let at = 0;
    this.#isFeeding = true;
    while (at < bytes.length && !this.#isClosing && !this.#isTunnel) {
      if (decoder.isDone) {
        // The former request is not answered yet, or asked for an upgrade that is not decided yet.
        if (this.#stream !== undefined) break;
        decoder.next();
      }
      if (decoder.isIdle && this.#headTimer === undefined) this.#startHeadTimer();
      at = decoder.feed(bytes, at);
      if (decoder.error !== undefined) {
        this.#isFeeding = false;
        return this.#malformed(decoder.error);
      }
    }
    this.#isFeeding = false;
    if (at >= bytes.length || this.#isClosing) return;
    if (this.#isTunnel) this.#stream?.data(at === 0 ? bytes : bytes.subarray(at));
    else this.#keep(bytes.subarray(at));
  }

  #keep(bytes: Uint8Array): void {
    this.#backlog = this.#backlog === undefined ? Buffer.from(bytes) : Buffer.concat([this.#backlog, bytes]);
    if (this.#isBacklogged) return;
    this.#isBacklogged = true;
    this.#pause();
  }

  /** Takes up bytes that had to wait. */
  #goOn(): void {
    const backlog = this.#backlog;
    if (backlog === undefined) return;
    this.#backlog = undefined;
    this.#feed(backlog);
    if (this.#backlog !== undefined || !this.#isBacklogged) return;
    this.#isBacklogged = false;
    this.#unpause();
  }

  #onHead(head: Http1Request, hasBody: boolean): void {
    const { timers, stats } = this.#runtime;
    this.#life.busy();
    timers.cancel(this.#headTimer);
    this.#headTimer = undefined;
    this.#requests++;
    if (this.#refuses(head)) return;
    if (head.method === 'CONNECT' && this.#runtime.isForwardProxy) return this.#connectHere();
    const stream = new Stream(head, this, this.#runtime);
    stats.downstream_rq_http1_total.value++;
    this.#head = head;
    this.#stream = stream;
    stream.begin(hasBody);
    if (stream.isUpgrade && !stream.isOver) this.#decoder.handOver();
  }

  /**
   * A client that tunnels plain HTTP through its proxy (undici does) is asked to speak here: what follows are requests
   * like any others, so that routes, retries and policies hold for them too.
   */
  #connectHere(): void {
    this.#connection.writeText('HTTP/1.1 200 Connection established\r\n\r\n');
    this.#life.idle();
  }

  #startHeadTimer(): void {
    const { config, timers } = this.#runtime;
    if (config.requestHeadersTimeoutMs > 0) {
      this.#headTimer = timers.after(config.requestHeadersTimeoutMs, () => this.#onHeadTimeout());
    }
  }

  #onHeadTimeout(): void {
    this.#runtime.stats.downstream_rq_header_timeout.value++;
    this.#answerRaw(408, 'request header timeout', 'request_header_timeout', undefined);
  }

  #shouldClose(): boolean {
    const { config, stats, scope } = this.#runtime;
    if (config.maxRequestsPerConnection > 0 && this.#requests >= config.maxRequestsPerConnection) {
      stats.downstream_cx_max_requests_reached.value++;
      return true;
    }
    if (scope.isDraining()) stats.downstream_cx_drain_close.value++;
    else if (isClosingForLoad(scope)) stats.downstream_cx_overload_disable_keepalive.value++;
    else return this.#isExpired;
    return true;
  }

  #malformed(error: ProtocolError): void {
    const { stats } = this.#runtime;
    stats.downstream_cx_protocol_error.value++;
    const stream = this.#stream;
    if (stream !== undefined) return stream.malformed(error);
    const { status } = error;
    // a request without Host is understood, and refused: no breach of the protocol in Envoy's eyes
    if (error.code === 'http1.missing_host') this.#answerRaw(status, '', breachDetails(error), undefined);
    else this.#answerRaw(status, reasonOf(status), breachDetails(error), 'DPE');
  }

  /** Answers what never became a request, logs it, and closes. */
  #answerRaw(status: number, text: string, details: string, flag: ResponseFlag | undefined): void {
    const runtime = this.#runtime;
    const { stats, accessLog, mapReply } = runtime;
    const { clock } = runtime.scope;
    const nowMs = clock.monotonicMs();
    const info = newStreamInfo(undefined, this.downstream, clock.wallMs(), nowMs);
    info.responseCodeDetails = details;
    if (flag !== undefined) info.flags = flagBit(flag);
    const reply = { status, body: text };
    const { head, body } = localMessage(undefined, mapReply === undefined ? reply : mapReply(reply, info));
    finishHead(head.headers, runtime);
    if (body.length === 0) head.headers.add('content-length', '0');
    this.#connection.writeText(responseHeadText(head.status, head.headers, false, 'close', ''));
    this.#connection.writeBytes(body, false);
    countStatus(stats, head.status);
    info.response = head;
    info.responseCode = head.status;
    info.bytesSent = body.length;
    info.endMs = nowMs;
    accessLog?.log(info);
    this.#closeGently();
  }

  /** Refuses a head that the configuration forbids as if it had not been understood. */
  #refuses(head: Http1Request): boolean {
    const { config } = this.#runtime;
    if (head.protocol === 'HTTP/1.0' && !config.acceptsHttp10) this.#answerRaw(426, reasonOf(426), 'low_version', 'DPE');
    else if (config.underscores === 'reject' && underscored(head.headers).length > 0) {
      this.#runtime.http1Stats.requests_rejected_with_underscores_in_headers.value++;
      this.#answerRaw(400, reasonOf(400), 'http1.unexpected_underscore', 'DPE');
    }
    return this.#isClosing;
  }

  /**
   * Ends our side, and waits for the client to end its own: closing at once with bytes unread would send a reset, which
   * can take the answer with it. Source: RFC 9112 section 9.6.
   */
  #closeGently(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#backlog = undefined;
    const { config, timers } = this.#runtime;
    this.#connection.end();
    if (config.delayedCloseTimeoutMs <= 0) return this.#connection.destroy();
    this.#connection.resume();
    this.#closeTimer = timers.after(config.delayedCloseTimeoutMs, () => this.#connection.destroy());
  }

  #pause(): void {
    if (this.#pauses++ === 0) this.#connection.pause();
  }

  #unpause(): void {
    if (--this.#pauses === 0 && !this.#isClosing) this.#connection.resume();
  }
}
