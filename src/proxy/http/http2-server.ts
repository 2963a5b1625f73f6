/**
 * A downstream HTTP/2 connection: as many requests at a time as its settings allow.
 *
 * ```
 *  serving ── drain, age, idle, too many requests ──▶ draining (GOAWAY, streams on their way are taken)
 *                                                        │ drain_timeout
 *                                                        ▼
 *                                   closed ◀── last stream ── closing (GOAWAY with the last stream's number)
 * ```
 */
import { NOWHERE } from '../../core/bag.ts';
import type { ProtocolError } from '../../core/errors.ts';
import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import type { IncomingRequest } from '../../wire/http/message.ts';
import { Http2Connection } from '../../wire/http2/connection.ts';
import { H2, type Http2Owner, type Http2Reader, type Http2Stream } from '../../wire/http2/types.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import type { Leaver } from '../listener/drain-state.ts';
import type { WheelTimer } from '../timers.ts';
import { isClosingForLoad } from './closing-for-load.ts';
import type { ConnectionLife, LifeOwner } from './connection-life.ts';
import type { HcmRuntime } from './hcm-runtime.ts';
import { KeepAlive } from './http2-keep-alive.ts';
import { Http2ServerStream, type Http2StreamOwner } from './http2-server-stream.ts';
import { countBreach, http2Details } from './http2-stats.ts';
import { logRefused } from './log-refused.ts';
import { underscored } from './request-hygiene.ts';
import type { ResponseFlag } from './stream-info.ts';

/** Within which connections are told that their listener drains, lest all clients come back at once. */
const LEAVE_SPREAD_MS = 1000;

const REFUSED: Http2Reader = { onHead() {}, onData() {}, onEnd() {}, onReset() {}, onDrain() {} };

/** Limits that Envoy does not take for breaches of the protocol. */
const TOO_LARGE: ReadonlySet<string> = new Set(['http2.head_too_large', 'http2.too_many_headers']);

export class Http2Server implements ConnectionHandlers, Http2Owner, Http2StreamOwner, LifeOwner {
  readonly downstream: DownstreamConnection;
  readonly #connection: Connection;
  readonly #life: ConnectionLife;
  readonly #runtime: HcmRuntime;
  readonly #http2: Http2Connection;
  readonly #keepAlive: KeepAlive | undefined;
  #requests = 0;
  #running = 0;
  #isDraining = false;
  /** No new streams come: the last one that ends closes the connection. */
  #isLast = false;
  #isClosing = false;
  #drainTimer: WheelTimer | undefined = undefined;
  #closeTimer: WheelTimer | undefined = undefined;
  #headTimer: WheelTimer | undefined = undefined;
  #leaveTimer: WheelTimer | undefined = undefined;
  readonly #leaver: Leaver = { place: NOWHERE, leave: () => this.#leaveSoon() };

  constructor(connection: Connection, life: ConnectionLife, runtime: HcmRuntime) {
    this.#connection = connection;
    this.#life = life;
    this.#runtime = runtime;
    this.downstream = life.downstream;
    life.owner = this;
    const { config, stats, timers, scope } = runtime;
    stats.downstream_cx_http2_total.value++;
    stats.downstream_cx_http2_active.value++;
    scope.whenDraining?.add(this.#leaver);
    this.#http2 = new Http2Connection('server', config.http2.options, connection, this, scope.clock);
    connection.gatherWrites(() => this.#http2.endTurn());
    this.#http2.gather();
    const { keepAlive } = config.http2;
    this.#keepAlive =
      keepAlive === undefined
        ? undefined
        : new KeepAlive(
            keepAlive,
            timers,
            scope.random,
            () => this.#http2.ping(),
            () => this.#onSilence(),
          );
    connection.read(this);
  }

  onRequest(wire: Http2Stream, head: IncomingRequest, isEnd: boolean): Http2Reader {
    const { stats, http2Stats, config } = this.#runtime;
    this.#stopHeadTimer();
    if (config.underscores === 'reject' && underscored(head.headers).length > 0) {
      http2Stats.requests_rejected_with_underscores_in_headers.value++;
      return this.#refuse(wire, 'DR', 'http2.unexpected_underscore');
    }
    if (head.authority === '') return this.#refuseWithoutHost(wire);
    stats.downstream_rq_http2_total.value++;
    http2Stats.streams_active.value++;
    if (this.#running++ === 0) this.#life.busy();
    if (++this.#requests === config.maxRequestsPerConnection) {
      stats.downstream_cx_max_requests_reached.value++;
      this.#drain();
    }
    const stream = new Http2ServerStream(wire, head, isEnd, this, this.#runtime, http2Stats);
    stream.begin();
    return stream;
  }

  onResponse(): void {
    const { scope, stats } = this.#runtime;
    if (scope.isDraining()) this.#drainClose();
    else if (!this.#isDraining && isClosingForLoad(scope)) {
      stats.downstream_cx_overload_disable_keepalive.value++;
      this.#drain();
    }
  }

  onDone(isLast: boolean): void {
    this.#runtime.http2Stats.streams_active.value--;
    if (--this.#running === 0 && !this.#isClosing) this.#life.idle();
    if (isLast) this.#leave();
  }

  onBadRequest({ code: found }: ProtocolError): void {
    const code = found === 'http2.body_length' ? 'http2.pseudo_missing' : found;
    logRefused(this.#runtime, this.downstream, TOO_LARGE.has(code) ? 'DR' : 'DPE', http2Details(code));
  }

  onStreamClosed(): void {
    if (this.#isLast && this.#http2.isIdle) this.#closeGently();
  }

  onSettings(): void {}

  /** The client opens no more streams; what runs goes on. */
  onGoAway(): void {
    if (this.#http2.isIdle) this.#closeGently();
    else this.#isLast = true;
  }

  onPong(): void {
    this.#keepAlive?.onPong();
  }

  onFatal(error: ProtocolError): void {
    const { stats, http2Stats } = this.#runtime;
    stats.downstream_cx_protocol_error.value++;
    if (error.code === 'http2.reset_flood') stats.downstream_rq_too_many_premature_resets.value++;
    else countBreach(http2Stats, error.code);
    this.#closeGently();
  }

  onData(bytes: Uint8Array): void {
    this.#runtime.stats.downstream_cx_rx_bytes_total.value += bytes.length;
    if (this.#isClosing) return;
    this.#http2.feed(bytes);
    if (this.#runtime.config.requestHeadersTimeoutMs > 0) this.#watchHead();
  }

  onEnd(): void {
    this.#life.hasPeerEnded = true;
    // A client that has ended its side is taken to be gone, as Envoy takes it; what is written still goes out.
    if (this.#running === 0 && this.#connection.pendingBytes > 0) this.#closeGently();
    else this.#connection.destroy();
  }

  onDrain(): void {
    this.#http2.drained();
  }

  onClose(error: string | undefined): void {
    const { timers, stats, scope } = this.#runtime;
    this.#isClosing = true;
    scope.whenDraining?.delete(this.#leaver);
    timers.cancel(this.#leaveTimer);
    this.#keepAlive?.stop();
    timers.cancel(this.#drainTimer);
    timers.cancel(this.#closeTimer);
    this.#stopHeadTimer();
    stats.downstream_cx_http2_active.value--;
    this.#life.closed(this.#running, error);
    this.#http2.closed(error ?? '');
  }

  onIdle(): void {
    this.#drain();
  }

  onExpired(): void {
    this.#drain();
  }

  #drainClose(): void {
    if (this.#isDraining || this.#isClosing) return;
    this.#runtime.stats.downstream_cx_drain_close.value++;
    this.#drain();
  }

  /** A client that asks nothing meanwhile would learn of the listener's end only when it is cut off. */
  #leaveSoon(): void {
    const { timers, scope } = this.#runtime;
    this.#leaveTimer = timers.after(scope.random() * LEAVE_SPREAD_MS, () => this.#drainClose());
  }

  /** Tells the client to go; streams that are on their way to us are served until `drain_timeout` has passed. */
  #drain(): void {
    if (this.#isDraining || this.#isClosing) return;
    this.#isDraining = true;
    const { config, timers, http2Stats } = this.#runtime;
    http2Stats.goaway_sent.value++;
    this.#http2.goAway(H2.NO_ERROR, true);
    this.#drainTimer = timers.after(config.drainTimeoutMs, () => this.#finishDrain());
  }

  #finishDrain(): void {
    this.#runtime.http2Stats.goaway_sent.value++;
    this.#http2.finishDrain();
    this.#isLast = true;
    if (this.#http2.isIdle) this.#closeGently();
  }

  /** No more streams, whatever is on its way. */
  #leave(): void {
    if (this.#isLast || this.#isClosing) return;
    this.#isDraining = true;
    this.#isLast = true;
    this.#runtime.http2Stats.goaway_sent.value++;
    this.#http2.goAway(H2.NO_ERROR, false);
    if (this.#http2.isIdle) this.#closeGently();
  }

  #refuse(wire: Http2Stream, flag: ResponseFlag, details: string): Http2Reader {
    this.#runtime.http2Stats.tx_reset.value++;
    logRefused(this.#runtime, this.downstream, flag, details);
    wire.reset(H2.PROTOCOL_ERROR);
    return REFUSED;
  }

  /** RFC 9113 lets a request say nothing of its host; Envoy takes it for a breach of the protocol, and so do we: nobody could route it. */
  #refuseWithoutHost(wire: Http2Stream): Http2Reader {
    const { config, stats, http2Stats } = this.#runtime;
    const details = http2Details('http2.pseudo_missing');
    http2Stats.rx_messaging_error.value++;
    if (config.http2.options.keepsConnectionOnBadMessage) return this.#refuse(wire, 'DPE', details);
    logRefused(this.#runtime, this.downstream, 'DPE', details);
    stats.downstream_cx_protocol_error.value++;
    this.#http2.goAway(H2.PROTOCOL_ERROR, false);
    this.#closeGently();
    return REFUSED;
  }

  /** A head that has begun must end within `request_headers_timeout`. */
  #watchHead(): void {
    const { config, timers } = this.#runtime;
    if (this.#isClosing || !this.#http2.isWithinHead) this.#stopHeadTimer();
    else this.#headTimer ??= timers.after(config.requestHeadersTimeoutMs, () => this.#onHeadTimeout());
  }

  #stopHeadTimer(): void {
    this.#runtime.timers.cancel(this.#headTimer);
    this.#headTimer = undefined;
  }

  /** Nothing else can come on the connection before the head has ended: it closes. */
  #onHeadTimeout(): void {
    this.#runtime.stats.downstream_rq_header_timeout.value++;
    logRefused(this.#runtime, this.downstream, undefined, 'request_header_timeout');
    this.#http2.goAway(H2.ENHANCE_YOUR_CALM, false);
    this.#closeGently();
  }

  #onSilence(): void {
    this.#runtime.http2Stats.keepalive_timeout.value++;
    this.#connection.destroy('keepalive timeout');
  }

  /** Ends our side after what is written, and waits a while for the client to end its own (RFC 9112 section 9.6). */
  #closeGently(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const { config, timers } = this.#runtime;
    this.#connection.end();
    if (config.delayedCloseTimeoutMs <= 0) return this.#connection.destroy();
    this.#closeTimer = timers.after(config.delayedCloseTimeoutMs, () => this.#connection.destroy());
  }
}
