/**
 * An HTTP/2 connection (RFC 9113) as a byte machine: bytes in, events of streams out, frames to a sink. No sockets, no
 * time but through a clock. Both ends of a connection are this class.
 *
 * ```
 *  feed ─▶ FrameReader ─┬─ HEADERS ─▶ HeadIntake ─▶ Http2Owner / Http2Reader ──┐
 *                       ├─ DATA ────▶ DataIntake ─▶ Stream ─▶ Http2Reader      │ ConnectionCore:
 *                       └─ others ──▶ ControlIntake                            │ streams, windows, ends
 *  Http2Stream ─▶ SendScheduler (windows, turns) ─▶ FrameWriter ─▶ FrameSink ──┘
 * ```
 */
import { assert } from '../../core/assert.ts';
import { systemClock } from '../../core/clock.ts';
import type { HeaderBlock } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import { ConnectionCore } from './connection-core.ts';
import { ControlIntake } from './control-intake.ts';
import { DataIntake } from './data-intake.ts';
import { fault, type Fault } from './faults.ts';
import { type FrameHandler, FrameReader } from './frame-reader.ts';
import {
  ACK,
  CONTINUATION,
  DATA,
  GOAWAY,
  goAwayText,
  HEADERS,
  INITIAL_WINDOW,
  MAX_STREAM_ID,
  PING,
  pingText,
  PREFACE,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  uint31At,
  uint32At,
  WINDOW_UPDATE,
  windowUpdateText,
} from './frames.ts';
import { HeadIntake } from './head-intake.ts';
import { settingsText } from './settings.ts';
import { type FrameSink, H2, type Http2Options, type Http2Owner, type Http2Reader, type Http2Stream } from './types.ts';

/** A request as it is opened. `upgrade`: protocol of an extended CONNECT, which the peer must allow; ''. */
export type OutgoingRequest = Pick<RequestHead, 'method' | 'path' | 'authority' | 'scheme'> & {
  readonly headers: HeaderBlock;
  readonly upgrade: string;
};

const STREAMS_BEFORE_SETTINGS = 100;
const PING_PAYLOAD = 'tulle   ';

/** Payloads that have one size. */
const FRAME_SIZES: ReadonlyMap<number, number> = new Map([
  [PRIORITY, 5],
  [RST_STREAM, 4],
  [PING, 8],
  [WINDOW_UPDATE, 4],
]);

/** Gives each frame to the part that knows its type. */
class Dispatcher implements FrameHandler {
  readonly #core: ConnectionCore;
  readonly #data: DataIntake;
  readonly #heads: HeadIntake;
  readonly #control: ControlIntake;

  constructor(core: ConnectionCore) {
    this.#core = core;
    this.#data = new DataIntake(core);
    this.#heads = new HeadIntake(core);
    this.#control = new ControlIntake(core, () => this.#heads.onSettingsAck());
  }

  /** A field block waits for CONTINUATION. */
  get isWithinBlock(): boolean {
    return this.#heads.openId !== 0;
  }

  get isStopped(): boolean {
    return this.#core.isDead;
  }

  onFault(found: Fault): void {
    this.#core.fatal(found);
  }

  onFrameHead(type: number, flags: number, id: number, length: number): void {
    const core = this.#core;
    const { openId } = this.#heads;
    if (openId !== 0 && (type !== CONTINUATION || id !== openId)) return core.fatal(fault('http2.continuation'));
    if (!core.hasPeerSettings && (type !== SETTINGS || (flags & ACK) !== 0)) return core.fatal(fault('http2.first_frame'));
    if (type === DATA) return this.#data.begin(flags, id, length);
    const size = type === HEADERS ? undefined : FRAME_SIZES.get(type);
    if (size !== undefined && length !== size) core.fatal(fault('http2.payload_size'));
  }

  onDataPiece(view: Uint8Array): void {
    this.#data.piece(view);
  }

  onDataEnd(padding: number): void {
    this.#data.end(padding);
  }

  onFrame(type: number, flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    switch (type) {
      case HEADERS:
        return this.#heads.begin(flags, id, bytes, start, end);
      case CONTINUATION:
        return this.#heads.add(flags, id, bytes, start, end);
      case WINDOW_UPDATE:
        return this.#control.windowUpdate(id, uint31At(bytes, start));
      case RST_STREAM:
        return this.#control.reset(id, uint32At(bytes, start));
      case SETTINGS:
        return this.#control.settings(flags, id, bytes, start, end);
      case PING:
        return this.#control.ping(flags, id, bytes, start);
      case PRIORITY:
        return this.#control.priority(id, uint31At(bytes, start));
      case GOAWAY:
        return this.#control.goAway(id, bytes, start, end);
      case PUSH_PROMISE:
        return this.#core.fatal(fault('http2.push'));
    }
  }
}

export class Http2Connection {
  readonly #core: ConnectionCore;
  readonly #dispatcher: Dispatcher;
  readonly #reader: FrameReader;

  /** Writes the preface and SETTINGS at once: nobody waits for the other (RFC 9113 section 3.4). */
  constructor(role: 'server' | 'client', options: Http2Options, sink: FrameSink, owner: Http2Owner, clock = systemClock) {
    const isServer = role === 'server';
    const core = new ConnectionCore(isServer, options, sink, owner, clock);
    this.#core = core;
    this.#dispatcher = new Dispatcher(core);
    this.#reader = new FrameReader(this.#dispatcher, isServer);
    const settings = settingsText(isServer, core.streamWindowBytes, options);
    const update = core.windowBytes > INITIAL_WINDOW ? windowUpdateText(0, core.windowBytes - INITIAL_WINDOW) : '';
    core.writer.text((isServer ? '' : PREFACE) + settings + update);
  }

  /** Streams that are open or half-closed. */
  get activeStreams(): number {
    return this.#core.streams.size;
  }

  get isIdle(): boolean {
    return this.#core.streams.size === 0;
  }

  /** The peer has begun a head, or trailers, and not ended it: nothing else can come before it does. */
  get isWithinHead(): boolean {
    return this.#reader.isWithinHeaders || this.#dispatcher.isWithinBlock;
  }

  /**
   * Paused streams hold more than half of what the peer may send on the whole connection: when they hold it all, no
   * stream goes on.
   */
  get isHeldUp(): boolean {
    return this.#core.window.heldBytes * 2 > this.#core.windowBytes;
  }

  /** Client: whether `open` may be called now. */
  get canOpen(): boolean {
    return !this.isSpent && this.#core.streams.size < this.peerMaxStreams;
  }

  /** Client: no stream can be opened any more, whatever closes; the connection is to be replaced. */
  get isSpent(): boolean {
    const { isDead, isGoAwayReceived, isGoAwaySent, nextId } = this.#core;
    return isDead || isGoAwayReceived || isGoAwaySent || nextId > MAX_STREAM_ID;
  }

  /** The peer's SETTINGS have come. */
  get hasPeerSettings(): boolean {
    return this.#core.hasPeerSettings;
  }

  /** The peer's SETTINGS_MAX_CONCURRENT_STREAMS; until it has said anything, what RFC 9113 section 6.5.2 wants at least. */
  get peerMaxStreams(): number {
    return this.#core.hasPeerSettings ? this.#core.peer.maxConcurrentStreams : STREAMS_BEFORE_SETTINGS;
  }

  /** The peer takes extended CONNECT (RFC 8441). */
  get peerAllowsConnect(): boolean {
    return this.#core.peer.allowsConnect;
  }

  /** The sink gathers what a turn brings, and `endTurn` is called before it writes: the last DATA frame may wait for its stream's end. */
  gather(): void {
    this.#core.writer.hold();
  }

  endTurn(): void {
    this.#core.writer.release();
  }

  /** Bytes from the peer, borrowed. */
  feed(bytes: Uint8Array): void {
    const core = this.#core;
    if (core.isDead) return;
    core.startTurn();
    if (!core.check(core.writer.check())) return;
    this.#reader.feed(bytes);
    if (!core.isDead) core.check(core.writer.check());
  }

  /** The sink takes more again. */
  drained(): void {
    this.#core.writer.isFull = false;
    if (!this.#core.isDead) this.#core.scheduler.drained();
  }

  /** The transport is gone: readers of open streams are told `CANCEL` with `detail`. */
  closed(detail: string): void {
    this.#core.end(H2.CANCEL, detail);
  }

  /** Client: sends a request; only where `canOpen`. With `isEnd` it has no body. */
  open(head: OutgoingRequest, isEnd: boolean, reader: Http2Reader): Http2Stream {
    const core = this.#core;
    assert(!core.isServer && this.canOpen, 'streams are opened by clients, where canOpen says so');
    assert(head.upgrade === '' || core.peer.allowsConnect, 'extended CONNECT is sent only to a peer that allows it');
    const stream = core.newStream(core.nextId);
    core.nextId += 2;
    stream.reader = reader;
    stream.isToHead = head.method === 'HEAD';
    stream.upgrade = head.upgrade;
    stream.isConnect = head.upgrade !== '' || head.method === 'CONNECT';
    stream.isLocalEnd = isEnd;
    const method = head.upgrade === '' ? head.method : 'CONNECT';
    const block = core.encoder.request(method, head.scheme, head.authority, head.path, head.upgrade, head.headers);
    core.writer.headers(stream.id, block, isEnd, core.scheduler.maxFrameBytes);
    return stream;
  }

  /**
   * Tells the peer that no more streams are taken; those that are open go on. `isGraceful`: those that are on the way are
   * taken still, until `finishDrain` (RFC 9113 section 6.8).
   */
  goAway(code: number, isGraceful: boolean): void {
    const core = this.#core;
    if (core.isDead || (isGraceful && core.isGoAwaySent)) return;
    core.isGoAwaySent = true;
    if (!isGraceful) core.ownGoAwayId = Math.min(core.ownGoAwayId, core.lastPeerId);
    core.writer.text(goAwayText(core.ownGoAwayId, code));
  }

  /** Ends the time in which streams are taken after a graceful GOAWAY: a round trip or more later. */
  finishDrain(): void {
    if (this.#core.isGoAwaySent && this.#core.ownGoAwayId === MAX_STREAM_ID) this.goAway(H2.NO_ERROR, false);
  }

  /** Asks for a sign of life: `onPong`. */
  ping(): void {
    if (!this.#core.isDead) this.#core.writer.text(pingText(PING_PAYLOAD, false));
  }
}
