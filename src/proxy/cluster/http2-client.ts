/** One HTTP/2 connection to a host: many requests at a time, each with whoever reads its response. */
import { formatAddress } from '../../net/address.ts';
import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import { Http2Connection, type OutgoingRequest as CodecRequest } from '../../wire/http2/connection.ts';
import { H2, type Http2Owner, type Http2Reader, type Http2Stream } from '../../wire/http2/types.ts';
import type { ProtocolError } from '../../core/errors.ts';
import type { Clock, Random } from '../../core/clock.ts';
import { KeepAlive } from '../http/http2-keep-alive.ts';
import type { Http2Settings } from '../http/http2-options.ts';
import { countBreach, type Http2Stats } from '../http/http2-stats.ts';
import { timersOf } from '../timers.ts';
import type { UpstreamTls } from './cluster.ts';
import { countingSink } from './counting-sink.ts';
import type { MemberOwner, PoolMember } from './http-member.ts';
import type { ResetReason } from '../router/retry-decision.ts';
import type { UpstreamStream } from './http-upstream.ts';
import { Http2Request } from './http2-request.ts';

/** What a connection needs besides its bytes. */
export interface Http2ClientScope {
  readonly settings: Http2Settings;
  readonly stats: Http2Stats;
  readonly clock: Clock;
  readonly random: Random;
  /** How many streams the host took on a connection before; undefined where it has not said anything yet. */
  readonly hostStreams: number | undefined;
}

/**
 * Streams on a connection whose peer has not said how many it takes: the least that RFC 9113 recommends to allow
 * (section 6.5.2), so that hardly any is refused.
 */
const FIRST_STREAMS = 100;

export class Http2Client implements ConnectionHandlers, Http2Owner, PoolMember {
  readonly protocol = 'HTTP/2';
  readonly localAddress: string;
  readonly tls: UpstreamTls | undefined;
  readonly connection: Connection;
  readonly stats: Http2Stats;
  requests = 0;
  isRetired = false;
  isClosed = false;
  isClosedByUs = false;
  #hasPeerEnded = false;
  isListed = false;
  openedMs = 0;
  idleSinceMs = 0;
  readonly keptMs = Infinity;
  readonly #owner: MemberOwner;
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #firstLimit: number;
  readonly #codec: Http2Connection;
  readonly #keepAlive: KeepAlive | undefined;
  readonly #idleIntervalMs: number;
  /** Requests that wait for the peer's SETTINGS. */
  readonly #early: (() => void)[] = [];
  #lastActivityMs: number;
  /** Streams that are counted as active. */
  #streams = 0;
  #isLost = false;

  constructor(
    connection: Connection,
    tls: UpstreamTls | undefined,
    owner: MemberOwner,
    { settings, stats, clock, random, hostStreams = FIRST_STREAMS }: Http2ClientScope,
  ) {
    const { options, keepAlive } = settings;
    this.connection = connection;
    this.tls = tls;
    this.localAddress = formatAddress(connection.local);
    this.stats = stats;
    this.#owner = owner;
    this.#clock = clock;
    this.#limit = options.maxConcurrentStreams;
    this.#firstLimit = Math.min(this.#limit, Math.max(1, hostStreams));
    this.#lastActivityMs = clock.monotonicMs();
    this.#codec = new Http2Connection('client', options, countingSink(connection, owner.stats.upstream_cx_tx_bytes_total), this, clock);
    connection.gatherWrites(() => this.#codec.endTurn());
    this.#codec.gather();
    this.#idleIntervalMs = keepAlive?.idleIntervalMs ?? 0;
    const ping = (): void => this.#codec.ping();
    this.#keepAlive = keepAlive && new KeepAlive(keepAlive, timersOf(clock), random, ping, () => this.#onSilence());
    connection.read(this);
  }

  get isBusy(): boolean {
    return this.#active > 0;
  }

  /** Slow clients, whose responses are held here, must not stop the requests of others: those get another connection. */
  get hasRoom(): boolean {
    if (this.isRetired || this.isClosed || !this.#codec.canOpen || this.#codec.isHeldUp) return false;
    return this.#active < (this.#codec.hasPeerSettings ? this.#limit : this.#firstLimit);
  }

  get #active(): number {
    return this.#codec.activeStreams + this.#early.length;
  }

  open(): UpstreamStream {
    this.requests++;
    if (this.#idleIntervalMs > 0) this.#askAfterSilence();
    return new Http2Request(this);
  }

  /** Sends a head; its stream, or undefined where the connection can take none any more. */
  openStream(request: CodecRequest, isEnd: boolean, reader: Http2Reader): Http2Stream | undefined {
    if (!this.#codec.canOpen || (request.upgrade !== '' && !this.#codec.peerAllowsConnect)) return undefined;
    this.stats.streams_active.value++;
    this.#streams++;
    return this.#codec.open(request, isEnd, reader);
  }

  /** Calls back once the peer's SETTINGS are known: now, or later, or when the connection has ended. */
  afterSettings(callback: () => void): void {
    if (this.#codec.hasPeerSettings || this.isClosed) callback();
    else this.#early.push(callback);
  }

  /** What a reset means to the request. `detail` is the codec's word for it. */
  reasonOf(code: number, detail: string): ResetReason {
    if (code === H2.REFUSED_STREAM) return 'refused stream';
    // whoever says so: we to the host, or the host to us
    if (code === H2.PROTOCOL_ERROR && !this.#isLost) return 'protocol error';
    if (detail === 'http2.remote_reset') return 'remote reset';
    return this.#isLost ? 'connection termination' : 'protocol error';
  }

  close(detail?: string): void {
    this.isRetired = true;
    this.isClosedByUs = !this.#hasPeerEnded;
    this.connection.destroy(detail);
  }

  onData(bytes: Uint8Array): void {
    this.#owner.stats.upstream_cx_rx_bytes_total.value += bytes.length;
    if (this.#idleIntervalMs > 0) this.#lastActivityMs = this.#clock.monotonicMs();
    this.#codec.feed(bytes);
  }

  onEnd(): void {
    this.#hasPeerEnded = true;
    this.close();
  }

  onDrain(): void {
    this.#codec.drained();
  }

  onClose(error: string | undefined): void {
    this.isClosed = true;
    this.isRetired = true;
    this.#isLost = true;
    this.#keepAlive?.stop();
    this.stats.streams_active.value -= this.#streams;
    this.#owner.onClosed(this);
    this.#codec.closed(error ?? '');
    for (const callback of this.#early.splice(0)) callback();
  }

  onRequest(): Http2Reader {
    throw new Error('a server has opened a stream');
  }

  onSettings(): void {
    this.#owner.onStreamLimit(this.#codec.peerMaxStreams);
    for (const callback of this.#early.splice(0)) callback();
    this.#owner.onRoom(this);
  }

  /** The peer wants to leave: what runs goes on, and the pool makes another connection. */
  onGoAway(): void {
    this.isRetired = true;
    if (!this.isBusy) this.close();
  }

  onPong(): void {
    this.#keepAlive?.onPong();
  }

  onStreamClosed(): void {
    this.stats.streams_active.value--;
    this.#streams--;
    if (this.#codec.isSpent) this.isRetired = true;
    if (this.isRetired && !this.isBusy) this.close();
    else this.#owner.onRoom(this);
  }

  onFatal(error: ProtocolError): void {
    countBreach(this.stats, error.code);
    this.stats.goaway_sent.value++;
    this.#owner.stats.upstream_cx_protocol_error.value++;
    this.close(error.message);
  }

  #askAfterSilence(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lastActivityMs >= this.#idleIntervalMs) this.#keepAlive?.ask();
    this.#lastActivityMs = nowMs;
  }

  #onSilence(): void {
    this.stats.keepalive_timeout.value++;
    this.close('keep-alive timeout');
  }
}
