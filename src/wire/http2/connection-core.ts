/**
 * What the parts of a connection share: its streams with their numbers, its windows and limits, and the ways in which a
 * stream or the whole connection comes to an end.
 *
 * What a peer does wrong is a `Fault`: of a stream (`streamFault`: RST_STREAM) or of the connection (`fatal`: GOAWAY).
 */
import type { Clock } from '../../core/clock.ts';
import type { HeaderBlock } from '../http/headers.ts';
import { fault, type Fault } from './faults.ts';
import { FloodGuard, PREMATURE_MS } from './flood-guard.ts';
import { FrameWriter } from './frame-writer.ts';
import { goAwayText, INITIAL_WINDOW, MAX_STREAM_ID, resetText, windowUpdateText } from './frames.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { ReceiveWindow } from './receive-window.ts';
import { ResetStreams } from './reset-streams.ts';
import { SendScheduler } from './send-scheduler.ts';
import { initialPeerSettings } from './settings.ts';
import { Stream, type StreamHost } from './stream.ts';
import { StreamTable } from './stream-table.ts';
import { type FrameSink, H2, type Http2Options, type Http2Owner } from './types.ts';

export class ConnectionCore implements StreamHost {
  readonly isServer: boolean;
  readonly options: Http2Options;
  readonly owner: Http2Owner;
  readonly writer: FrameWriter;
  readonly encoder: HpackEncoder;
  readonly guard: FloodGuard;
  readonly scheduler: SendScheduler;
  readonly peer = initialPeerSettings();
  readonly streams = new StreamTable<Stream>();
  readonly resets = new ResetStreams();
  readonly streamWindowBytes: number;
  readonly windowBytes: number;
  readonly window: ReceiveWindow;
  readonly #clock: Clock;
  /** When the bytes at hand came; -1 where nobody has asked yet. */
  #nowMs = -1;
  hasPeerSettings = false;
  /** Client: number of the next stream. */
  nextId = 1;
  /** Server: the last stream that the client has opened. */
  lastPeerId = 0;
  /** Streams of the peer above it are refused: what our GOAWAY has told. */
  ownGoAwayId = MAX_STREAM_ID;
  isGoAwaySent = false;
  isGoAwayReceived = false;
  isDead = false;

  constructor(isServer: boolean, options: Http2Options, sink: FrameSink, owner: Http2Owner, clock: Clock) {
    this.isServer = isServer;
    this.options = options;
    this.owner = owner;
    this.#clock = clock;
    this.writer = new FrameWriter(sink, options);
    this.encoder = new HpackEncoder(options.hpackTableBytes);
    this.guard = new FloodGuard(options);
    this.scheduler = new SendScheduler(this.writer, this.guard, (stream) => this.#finish(stream));
    // less could not be held against a peer that has not read our SETTINGS yet
    this.streamWindowBytes = Math.max(INITIAL_WINDOW, options.streamWindowBytes);
    this.windowBytes = Math.max(INITIAL_WINDOW, options.connectionWindowBytes);
    this.window = new ReceiveWindow(this.windowBytes);
  }

  /** The time is asked for once for what comes in one read, and only where a stream needs it. */
  startTurn(): void {
    this.#nowMs = -1;
  }

  nowMs(): number {
    if (this.#nowMs < 0) this.#nowMs = this.#clock.monotonicMs();
    return this.#nowMs;
  }

  /** A stream that nobody has opened yet, or never can: a server opens none, for it does not push. */
  isIdleId(id: number): boolean {
    const isOfClient = (id & 1) === 1;
    return !isOfClient || (this.isServer ? id > this.lastPeerId : id >= this.nextId);
  }

  newStream(id: number): Stream {
    const stream = new Stream(id, this, this.streamWindowBytes, this.peer.initialWindow);
    this.streams.add(stream);
    this.guard.openedStreams++;
    return stream;
  }

  // What streams ask for.

  writeResponse(stream: Stream, status: number, headers: HeaderBlock, isEnd: boolean): void {
    // the acceptance of an extended CONNECT is a 200 here (RFC 8441 section 4)
    const block = this.encoder.response(status === 101 ? 200 : status, headers);
    this.writer.headers(stream.id, block, isEnd, this.scheduler.maxFrameBytes);
    if (isEnd) this.#localEnd(stream);
  }

  writeData(stream: Stream, view: Uint8Array): boolean {
    return this.scheduler.send(stream, view);
  }

  writeEnd(stream: Stream, trailers: HeaderBlock | undefined): void {
    stream.isEndQueued = true;
    stream.queuedTrailers = trailers;
    if (stream.queue === undefined) this.#finish(stream);
  }

  writeReset(stream: Stream, code: number): void {
    this.refuse(stream.id, code);
    this.remove(stream);
    this.owner.onStreamClosed();
  }

  giveBack(stream: Stream, bytes: number): void {
    this.giveBackToConnection(bytes);
    if (stream.isRemoteEnd || stream.isReset || this.isDead) return;
    const increment = stream.window.giveBack(bytes);
    if (increment > 0) this.writer.text(windowUpdateText(stream.id, increment));
  }

  giveBackToConnection(bytes: number): void {
    const increment = this.window.giveBack(bytes);
    if (increment > 0 && !this.isDead) this.writer.text(windowUpdateText(0, increment));
  }

  // Ends that are as they should be.

  /** Everything was sent that is to be. */
  #finish(stream: Stream): void {
    const trailers = stream.queuedTrailers;
    if (trailers !== undefined && trailers.size > 0) {
      this.writer.headers(stream.id, this.encoder.trailers(trailers), true, this.scheduler.maxFrameBytes);
    } else this.writer.end(stream.id);
    this.#localEnd(stream);
  }

  #localEnd(stream: Stream): void {
    stream.isLocalEnd = true;
    if (stream.isRemoteEnd) this.closed(stream);
  }

  /** The peer's side has ended. */
  remoteEnd(stream: Stream, trailers: HeaderBlock | undefined): void {
    // others on the connection have nothing to do with it, whatever a malformed head costs (as in Envoy)
    if (stream.bodyLeft > 0) return this.streamFault(stream, fault('http2.body_length'));
    stream.isRemoteEnd = true;
    stream.onRemoteEnd(trailers);
    if (stream.isLocalEnd) this.closed(stream);
  }

  /** Both sides have ended. */
  closed(stream: Stream): void {
    if (!this.streams.delete(stream.id)) return;
    this.scheduler.forget(stream);
    this.guard.onStreamDone();
    this.owner.onStreamClosed();
  }

  // Ends that are not.

  /** Takes a stream out that was reset. */
  remove(stream: Stream): void {
    this.streams.delete(stream.id);
    this.scheduler.forget(stream);
    stream.drop();
  }

  /** RST_STREAM for a stream that is not among ours, or not for long. */
  refuse(id: number, code: number): void {
    this.writer.control(resetText(id, code));
    this.resets.add(id, this.streamWindowBytes);
  }

  /** A message that is not as HTTP wants it. Envoy's default is to end the connection. */
  malformed(stream: Stream, found: Fault): void {
    if (this.isFatalInMessage(found)) this.fatal(found);
    else this.streamFault(stream, found);
  }

  isFatalInMessage(found: Fault): boolean {
    return !this.options.keepsConnectionOnBadMessage && found.h2Code === H2.PROTOCOL_ERROR;
  }

  /** An error of one stream. A client that causes many costs as much as one that resets as many. */
  streamFault(stream: Stream, found: Fault): void {
    this.refuse(stream.id, found.h2Code);
    this.remove(stream);
    stream.reader.onReset(found.h2Code, found.error.code);
    this.owner.onStreamClosed();
    this.countReset(stream.openedMs);
  }

  /** A stream of a client was reset that was opened at `openedMs`. */
  countReset(openedMs: number): void {
    if (this.isServer && !this.isDead && this.nowMs() - openedMs < PREMATURE_MS) this.check(this.guard.onPrematureReset());
  }

  /** Ends the connection where something was found; true where it goes on. */
  check(found: Fault | undefined): boolean {
    if (found !== undefined) this.fatal(found);
    return !this.isDead;
  }

  fatal(found: Fault): void {
    if (this.isDead) return;
    this.writer.text(goAwayText(Math.min(this.ownGoAwayId, this.lastPeerId), found.h2Code));
    this.end(found.h2Code, found.error.code);
    this.owner.onFatal(found.error);
  }

  /** Nothing goes on: every reader is told. */
  end(code: number, detail: string): void {
    if (this.isDead) return;
    this.isDead = true;
    const streams = this.streams.values();
    this.streams.clear();
    for (const stream of streams) {
      this.scheduler.forget(stream);
      stream.drop();
      stream.reader.onReset(code, detail);
    }
  }
}
