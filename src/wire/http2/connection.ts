/**
 * An HTTP/2 connection (RFC 9113) as a byte machine: bytes in, events of streams out, frames to a sink. No sockets, no
 * time but through a clock. Both ends of a connection are this class.
 *
 * ```
 *  feed ─▶ FrameReader ─┬─ HEADERS ─▶ HeadAssembler ─▶ HPACK ─▶ heads ─▶ Http2Owner / Http2Reader
 *                       ├─ DATA ────▶ receive windows ─▶ Stream (kept while paused) ─▶ Http2Reader
 *                       └─ control ─▶ settings, windows, resets, guards
 *  Http2Stream ─▶ SendScheduler (windows, turns) ─▶ FrameWriter ─▶ FrameSink
 * ```
 * What a peer does wrong is a `Fault`: of its stream (`#streamFault`: RST_STREAM) or of the connection (`#fatal`: GOAWAY).
 */
import { assert } from '../../core/assert.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { HeaderBlock } from '../http/headers.ts';
import type { RequestHead } from '../http/message.ts';
import { latin1 } from '../http1/bytes.ts';
import { ResetStreams } from './closed-streams.ts';
import { fault, type Fault } from './faults.ts';
import { type BlockKind, type DecodedHead, REQUEST, RESPONSE, TRAILERS } from './field-collector.ts';
import { FloodGuard, PREMATURE_MS } from './flood-guard.ts';
import { type FrameHandler, FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import {
  ACK,
  CONTINUATION,
  DATA,
  END_STREAM,
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
  resetText,
  RST_STREAM,
  SETTINGS,
  uint31At,
  uint32At,
  WINDOW_UPDATE,
  windowUpdateText,
} from './frames.ts';
import { HeadAssembler } from './head-assembler.ts';
import { incomingRequest, incomingResponse, requestBodyBytes, responseBodyBytes } from './heads.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { ReceiveWindow } from './receive-window.ts';
import { SendScheduler } from './send-scheduler.ts';
import { initialPeerSettings, readSettings, SETTINGS_ACK_TEXT, settingsText } from './settings.ts';
import { Stream, type StreamHost } from './stream.ts';
import { type FrameSink, H2, type Http2Options, type Http2Owner, type Http2Reader, type Http2Stream } from './types.ts';

/** A request as it is opened. `upgrade`: protocol of an extended CONNECT, which the peer must allow; ''. */
export type OutgoingRequest = Pick<RequestHead, 'method' | 'path' | 'authority' | 'scheme'> & {
  readonly headers: HeaderBlock;
  readonly upgrade: string;
};

const PING_PAYLOAD = 'tulle   ';
const FRAME_SIZES: ReadonlyMap<number, number> = new Map([
  [PRIORITY, 5],
  [RST_STREAM, 4],
  [PING, 8],
  [WINDOW_UPDATE, 4],
]);
const GOAWAY_LEAST_BYTES = 8;
const NO_BYTES = new Uint8Array(0);
/** Larger frames, which a peer may allow, would hold up the streams of others. */
const LARGEST_FRAME_BYTES = 65_536;

export class Http2Connection implements StreamHost, FrameHandler {
  readonly #isServer: boolean;
  readonly #options: Http2Options;
  readonly #owner: Http2Owner;
  readonly #clock: Clock;
  readonly #writer: FrameWriter;
  readonly #reader: FrameReader;
  readonly #assembler: HeadAssembler;
  readonly #decoder: HpackDecoder;
  readonly #encoder: HpackEncoder;
  readonly #guard: FloodGuard;
  readonly #scheduler: SendScheduler;
  readonly #window: ReceiveWindow;
  readonly #streamWindowBytes: number;
  readonly #peer = initialPeerSettings();
  readonly #streams = new Map<number, Stream>();
  readonly #resets = new ResetStreams();
  #hasPeerSettings = false;
  #awaitsAck = true;
  #nextId = 1;
  /** The last stream that the peer has opened. */
  #lastPeerId = 0;
  /** Streams of the peer above it are refused: what our GOAWAY has told. */
  #ownGoAwayId = MAX_STREAM_ID;
  #isGoAwaySent = false;
  #peerGoAwayId = MAX_STREAM_ID;
  #isGoAwayReceived = false;
  #isDead = false;
  /** Of the DATA frame that is being read; undefined where nobody reads it. */
  #dataStream: Stream | undefined = undefined;
  #dataFlags = 0;
  #dataBytes = 0;
  /** When the bytes at hand came; -1 where nobody has asked yet. */
  #nowMs = -1;

  /** Writes the preface and SETTINGS at once: nobody waits for the other (RFC 9113 section 3.4). */
  constructor(role: 'server' | 'client', options: Http2Options, sink: FrameSink, owner: Http2Owner, clock = systemClock) {
    this.#isServer = role === 'server';
    this.#options = options;
    this.#owner = owner;
    this.#clock = clock;
    this.#writer = new FrameWriter(sink, options);
    this.#reader = new FrameReader(this, this.#isServer);
    this.#assembler = new HeadAssembler(options.maxHeadBytes);
    this.#decoder = new HpackDecoder(options, options.hpackTableBytes);
    this.#encoder = new HpackEncoder(options.hpackTableBytes);
    this.#guard = new FloodGuard(options);
    this.#scheduler = new SendScheduler(this.#writer, this.#guard, (stream) => this.#finish(stream, stream.queuedTrailers));
    this.#streamWindowBytes = Math.max(INITIAL_WINDOW, options.streamWindowBytes);
    const windowBytes = Math.max(INITIAL_WINDOW, options.connectionWindowBytes);
    this.#window = new ReceiveWindow(windowBytes);
    const settings = settingsText(this.#isServer, this.#streamWindowBytes, options);
    const update = windowBytes > INITIAL_WINDOW ? windowUpdateText(0, windowBytes - INITIAL_WINDOW) : '';
    this.#writer.text((this.#isServer ? '' : PREFACE) + settings + update);
  }

  /** Streams that are open or half-closed. */
  get activeStreams(): number {
    return this.#streams.size;
  }

  get isIdle(): boolean {
    return this.#streams.size === 0;
  }

  /** Client: whether `open` may be called now. */
  get canOpen(): boolean {
    return this.#mayOpen && this.#streams.size < this.#peer.maxConcurrentStreams;
  }

  /** Client: whether `open` may be called now, or once a stream has closed; false for good once it is. */
  get #mayOpen(): boolean {
    return !this.#isDead && !this.#isGoAwayReceived && !this.#isGoAwaySent && this.#nextId <= MAX_STREAM_ID;
  }

  /** Client: no stream can be opened any more, whatever closes: the connection is to be replaced. */
  get isSpent(): boolean {
    return !this.#mayOpen;
  }

  /** The peer's SETTINGS_MAX_CONCURRENT_STREAMS; 2^31-1 until it has said. */
  get peerMaxStreams(): number {
    return this.#peer.maxConcurrentStreams;
  }

  /** The peer's SETTINGS have come. */
  get hasPeerSettings(): boolean {
    return this.#hasPeerSettings;
  }

  /** The server takes extended CONNECT. */
  get peerAllowsConnect(): boolean {
    return this.#peer.allowsConnect;
  }

  /** Bytes from the peer, borrowed. */
  feed(bytes: Uint8Array): void {
    if (this.#isDead) return;
    this.#nowMs = -1;
    this.#check(this.#writer.check());
    this.#reader.feed(bytes);
    if (!this.#isDead) this.#check(this.#writer.check());
  }

  /** The sink takes more again. */
  drained(): void {
    this.#writer.isFull = false;
    if (!this.#isDead) this.#scheduler.drained();
  }

  /** The transport is gone: readers of open streams are told `CANCEL` with `detail`. */
  closed(detail: string): void {
    this.#end(H2.CANCEL, detail);
  }

  /** Client: sends a request; only where `canOpen`. With `isEnd` it has no body. */
  open(head: OutgoingRequest, isEnd: boolean, reader: Http2Reader): Http2Stream {
    assert(!this.#isServer && this.canOpen, 'streams are opened by clients, where canOpen says so');
    assert(head.upgrade === '' || this.#peer.allowsConnect, 'extended CONNECT is only sent to a peer that allows it');
    const stream = this.#newStream(this.#nextId);
    this.#nextId += 2;
    stream.reader = reader;
    stream.isToHead = head.method === 'HEAD';
    stream.upgrade = head.upgrade;
    stream.isConnect = head.upgrade !== '' || head.method === 'CONNECT';
    stream.isLocalEnd = isEnd;
    const method = head.upgrade === '' ? head.method : 'CONNECT';
    const block = this.#encoder.request(method, head.scheme, head.authority, head.path, head.upgrade, head.headers);
    this.#writer.headers(stream.id, block, isEnd, this.#scheduler.maxFrameBytes);
    return stream;
  }

  /**
   * Tells the peer that no more streams are taken; those that are open go on. `isGraceful`: those that are on the way are
   * taken still, until `finishDrain` (RFC 9113 section 6.8).
   */
  goAway(code: number, isGraceful: boolean): void {
    if (this.#isDead || (isGraceful && this.#isGoAwaySent)) return;
    this.#isGoAwaySent = true;
    if (!isGraceful) this.#ownGoAwayId = Math.min(this.#ownGoAwayId, this.#lastPeerId);
    this.#writer.text(goAwayText(this.#ownGoAwayId, code));
  }

  /** Ends the time in which streams are taken after a graceful GOAWAY: a round trip or more later. */
  finishDrain(): void {
    if (this.#isGoAwaySent && this.#ownGoAwayId === MAX_STREAM_ID) this.goAway(H2.NO_ERROR, false);
  }

  /** Asks for a sign of life: `onPong`. */
  ping(): void {
    if (!this.#isDead) this.#writer.text(pingText(PING_PAYLOAD, false));
  }

  // What streams need: StreamHost.

  writeResponse(stream: Stream, status: number, headers: HeaderBlock, isEnd: boolean): void {
    const block = this.#encoder.response(status === 101 ? 200 : status, headers);
    this.#writer.headers(stream.id, block, isEnd, this.#scheduler.maxFrameBytes);
    if (isEnd) this.#localEnd(stream);
  }

  writeData(stream: Stream, view: Uint8Array): boolean {
    return this.#scheduler.send(stream, view);
  }

  writeEnd(stream: Stream, trailers: HeaderBlock | undefined): void {
    stream.isEndQueued = true;
    stream.queuedTrailers = trailers;
    if (stream.queue === undefined) this.#finish(stream, trailers);
  }

  writeReset(stream: Stream, code: number): void {
    this.#refuse(stream.id, code);
    this.#remove(stream);
    this.#owner.onStreamClosed();
  }

  giveBack(stream: Stream, bytes: number): void {
    this.#giveBackToConnection(bytes);
    if (stream.isRemoteEnd || stream.isReset || this.#isDead) return;
    const increment = stream.window.giveBack(bytes);
    if (increment > 0) this.#writer.text(windowUpdateText(stream.id, increment));
  }

  // What has been read: FrameHandler.

  onFault(found: Fault): void {
    this.#fatal(found);
  }

  onFrameHead(type: number, flags: number, id: number, length: number): void {
    const { openId } = this.#assembler;
    if (openId !== 0 && (type !== CONTINUATION || id !== openId)) return this.#fatal(fault('http2.continuation'));
    if (!this.#hasPeerSettings && (type !== SETTINGS || (flags & ACK) !== 0)) return this.#fatal(fault('http2.first_frame'));
    if (type === DATA) return this.#beginData(flags, id, length);
    const size = FRAME_SIZES.get(type);
    if (size !== undefined && length !== size) this.#fatal(fault('http2.payload_size'));
  }

  onDataPiece(view: Uint8Array): void {
    const stream = this.#dataStream;
    const { length } = view;
    this.#dataBytes += length;
    if (stream === undefined || stream.isReset) return this.#giveBackToConnection(length);
    if (stream.bodyLeft >= 0) {
      if (length > stream.bodyLeft) {
        this.#giveBackToConnection(length);
        return this.#malformed(stream, fault('http2.content_length'));
      }
      stream.bodyLeft -= length;
    }
    stream.onPiece(view);
  }

  onDataEnd(padding: number): void {
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    const isEnd = (this.#dataFlags & END_STREAM) !== 0;
    if (padding > 0 && stream !== undefined) this.giveBack(stream, padding);
    else if (padding > 0) this.#giveBackToConnection(padding);
    if (!this.#check(this.#guard.onPayload(this.#dataBytes === 0 && !isEnd))) return;
    if (isEnd && stream !== undefined && !stream.isReset) this.#remoteEnd(stream, undefined);
  }

  onFrame(type: number, flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    switch (type) {
      case HEADERS:
        return this.#onHeaders(flags, id, bytes, start, end);
      case CONTINUATION:
        return this.#onContinuation(flags, id, bytes, start, end);
      case WINDOW_UPDATE:
        return this.#onWindowUpdate(id, uint31At(bytes, start));
      case RST_STREAM:
        return this.#onReset(id, uint32At(bytes, start));
      case SETTINGS:
        return this.#onSettings(flags, id, bytes, start, end);
      case PING:
        return this.#onPing(flags, id, bytes, start);
      case PRIORITY:
        return this.#onPriority(id, uint31At(bytes, start));
      case GOAWAY:
        return this.#onGoAway(id, bytes, start, end);
      case PUSH_PROMISE:
        return this.#fatal(fault('http2.push'));
    }
  }

  // Heads.

  #onHeaders(flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    if (id === 0 || (id & 1) === 0) return this.#fatal(fault('http2.stream_id'));
    const assembler = this.#assembler;
    const found = assembler.begin(flags, id, bytes, start, end);
    if (found !== undefined) return this.#fatal(found);
    this.#onBlockPart(id, assembler.start === assembler.end);
  }

  #onContinuation(flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    const assembler = this.#assembler;
    if (assembler.openId === 0) return this.#fatal(fault('http2.continuation'));
    const found = assembler.add(flags, bytes, start, end);
    if (found !== undefined) return this.#fatal(found);
    this.#onBlockPart(id, start === end);
  }

  #onBlockPart(id: number, isEmpty: boolean): void {
    const assembler = this.#assembler;
    if (!this.#check(this.#guard.onPayload(isEmpty && !assembler.isEnd))) return;
    if (assembler.openId === 0) this.#onBlock(id, assembler.isEnd);
  }

  #onBlock(id: number, isEnd: boolean): void {
    const stream = this.#streams.get(id);
    const head = this.#decode(stream === undefined ? REQUEST : this.#isServer || stream.hasHead ? TRAILERS : RESPONSE);
    if (head.compressionError !== undefined) return this.#fatal({ error: head.compressionError, h2Code: H2.COMPRESSION_ERROR });
    if (stream === undefined) this.#onUnknownHead(id, head, isEnd);
    else if (stream.isRemoteEnd) this.#streamFault(stream, fault('http2.stream_closed'));
    else {
      const found = headFault(head);
      if (found !== undefined) this.#malformed(stream, found);
      else if (this.#isServer || stream.hasHead) this.#onTrailers(stream, head, isEnd);
      else this.#onResponse(stream, head, isEnd);
    }
  }

  #decode(kind: BlockKind): DecodedHead {
    const assembler = this.#assembler;
    const head = this.#decoder.decode(assembler.bytes, assembler.start, assembler.end, kind);
    assembler.clear();
    return head;
  }

  /** A block of a stream that is not open: a new request, or one for a stream that has been closed. */
  #onUnknownHead(id: number, head: DecodedHead, isEnd: boolean): void {
    if (!this.#isServer && id >= this.#nextId) this.#fatal(fault('http2.idle_stream'));
    else if (this.#isServer && id > this.#lastPeerId) this.#onNewStream(id, head, isEnd);
    else if (!this.#resets.forgivesHead(id)) this.#fatal(fault('http2.stream_closed'));
  }

  #onNewStream(id: number, head: DecodedHead, isEnd: boolean): void {
    this.#lastPeerId = id;
    this.#guard.openedStreams++;
    if (id > this.#ownGoAwayId || this.#streams.size >= this.#options.maxConcurrentStreams) return this.#refuse(id, H2.REFUSED_STREAM);
    const bodyBytes = requestBodyBytes(head);
    const found = headFault(head) ?? this.#requestFault(head, isEnd, bodyBytes);
    if (found !== undefined) return this.#badRequest(id, found);
    const stream = this.#newStream(id);
    stream.bodyLeft = bodyBytes;
    stream.upgrade = head.protocol;
    stream.isConnect = head.method === 'CONNECT';
    stream.isRemoteEnd = isEnd;
    stream.openedMs = this.#now();
    stream.reader = this.#owner.onRequest(stream, incomingRequest(head, isEnd), isEnd);
  }

  #requestFault(head: DecodedHead, isEnd: boolean, bodyBytes: number): Fault | undefined {
    if (head.protocol !== '' && !this.#options.allowsConnect) return fault('http2.extended_connect');
    return isEnd && bodyBytes > 0 ? fault('http2.content_length') : undefined;
  }

  #onResponse(stream: Stream, head: DecodedHead, isEnd: boolean): void {
    if (head.status < 200) {
      if (isEnd) this.#malformed(stream, fault('http2.informational_end'));
      else stream.reader.onHead(incomingResponse(head, false, ''), false);
      return;
    }
    const bodyBytes = responseBodyBytes(head, stream.isToHead, stream.isConnect);
    if (isEnd && bodyBytes > 0) return this.#malformed(stream, fault('http2.content_length'));
    stream.hasHead = true;
    stream.bodyLeft = bodyBytes;
    stream.isRemoteEnd = isEnd;
    stream.reader.onHead(incomingResponse(head, !isEnd && bodyBytes !== 0, stream.upgrade), isEnd);
    if (isEnd && stream.isLocalEnd) this.#closed(stream);
  }

  #onTrailers(stream: Stream, head: DecodedHead, isEnd: boolean): void {
    if (isEnd) this.#remoteEnd(stream, head.headers);
    else this.#malformed(stream, fault('http2.trailers'));
  }

  // Data.

  #beginData(flags: number, id: number, length: number): void {
    this.#dataFlags = flags;
    this.#dataBytes = 0;
    this.#dataStream = undefined;
    if (id === 0) return this.#fatal(fault('http2.stream_id'));
    if (!this.#window.take(length)) return this.#fatal(fault('http2.flow_control'));
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (this.#isIdleId(id)) this.#fatal(fault('http2.idle_stream'));
      else if (!this.#resets.forgivesData(id, length)) this.#fatal(fault('http2.stream_closed'));
    } else if (stream.isRemoteEnd) this.#streamFault(stream, fault('http2.stream_closed'));
    else if (!this.#isServer && !stream.hasHead) this.#malformed(stream, fault('http2.head_order'));
    else if (!stream.window.take(length)) this.#streamFault(stream, fault('http2.flow_control'));
    else this.#dataStream = stream;
  }

  #giveBackToConnection(bytes: number): void {
    const increment = this.#window.giveBack(bytes);
    if (increment > 0 && !this.#isDead) this.#writer.text(windowUpdateText(0, increment));
  }

  // Control frames.

  #onWindowUpdate(id: number, increment: number): void {
    if (!this.#check(this.#guard.onWindowUpdate())) return;
    const zero = increment === 0 ? fault('http2.window_increment') : undefined;
    if (id === 0) {
      this.#check(zero ?? this.#scheduler.openConnection(increment));
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (this.#isIdleId(id)) this.#fatal(fault('http2.idle_stream'));
      return;
    }
    const found = zero ?? this.#scheduler.openStream(stream, increment);
    if (found !== undefined) this.#streamFault(stream, found);
  }

  #onReset(id: number, code: number): void {
    if (id === 0) return this.#fatal(fault('http2.stream_id'));
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (this.#isIdleId(id)) this.#fatal(fault('http2.idle_stream'));
      return;
    }
    this.#remove(stream);
    stream.reader.onReset(code, 'http2.remote_reset');
    this.#owner.onStreamClosed();
    this.#countReset(stream.openedMs);
  }

  #onSettings(flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    if (id !== 0) return this.#fatal(fault('http2.stream_id'));
    if ((flags & ACK) !== 0) return this.#onSettingsAck(end - start);
    const formerWindow = this.#peer.initialWindow;
    if (!this.#check(readSettings(bytes, start, end, !this.#isServer, this.#peer))) return;
    this.#hasPeerSettings = true;
    this.#encoder.setMaxTableBytes(this.#peer.headerTableBytes);
    this.#scheduler.maxFrameBytes = Math.min(this.#peer.maxFrameBytes, LARGEST_FRAME_BYTES);
    this.#writer.control(SETTINGS_ACK_TEXT);
    const delta = this.#peer.initialWindow - formerWindow;
    if (delta !== 0) for (const stream of this.#streams.values()) if (!this.#check(this.#scheduler.openStream(stream, delta))) return;
    this.#owner.onSettings();
  }

  #onSettingsAck(length: number): void {
    if (length !== 0) return this.#fatal(fault('http2.payload_size'));
    if (!this.#awaitsAck) return this.#fatal(fault('http2.settings_ack'));
    this.#awaitsAck = false;
    this.#decoder.setMaxTableBytes(this.#options.hpackTableBytes);
  }

  #onPing(flags: number, id: number, bytes: Uint8Array, start: number): void {
    if (id !== 0) return this.#fatal(fault('http2.stream_id'));
    if ((flags & ACK) !== 0) this.#owner.onPong();
    else this.#writer.control(pingText(latin1(bytes, start, start + 8), true));
  }

  #onPriority(id: number, dependsOn: number): void {
    if (id === 0) return this.#fatal(fault('http2.stream_id'));
    if (dependsOn === id) return this.#fatal(fault('http2.self_dependency'));
    this.#check(this.#guard.onPriority());
  }

  #onGoAway(id: number, bytes: Uint8Array, start: number, end: number): void {
    if (id !== 0) return this.#fatal(fault('http2.stream_id'));
    if (end - start < GOAWAY_LEAST_BYTES) return this.#fatal(fault('http2.payload_size'));
    const lastId = uint31At(bytes, start);
    const code = uint32At(bytes, start + 4);
    if (lastId > this.#peerGoAwayId) return this.#fatal(fault('http2.go_away'));
    this.#peerGoAwayId = lastId;
    this.#isGoAwayReceived = true;
    if (!this.#isServer) this.#dropAbove(lastId);
    this.#owner.onGoAway(code);
  }

  /** Requests that the server has not taken: they can be sent again on another connection. */
  #dropAbove(lastId: number): void {
    for (const stream of this.#streams.values()) {
      if (stream.id <= lastId || !stream.isOpen) continue;
      this.#remove(stream);
      stream.reader.onReset(H2.REFUSED_STREAM, 'http2.remote_go_away');
      this.#owner.onStreamClosed();
    }
  }

  // Streams.

  #newStream(id: number): Stream {
    const stream = new Stream(id, this, this.#streamWindowBytes, this.#peer.initialWindow);
    this.#streams.set(id, stream);
    if (!this.#isServer) this.#guard.openedStreams++;
    return stream;
  }

  #isIdleId(id: number): boolean {
    const isOwn = (id & 1) === (this.#isServer ? 0 : 1);
    // a server never opens streams: it does not push
    return isOwn ? this.#isServer || id >= this.#nextId : id > this.#lastPeerId;
  }

  #now(): number {
    if (this.#nowMs < 0) this.#nowMs = this.#clock.monotonicMs();
    return this.#nowMs;
  }

  /** Everything was sent that is to be. */
  #finish(stream: Stream, trailers: HeaderBlock | undefined): void {
    if (trailers !== undefined && trailers.size > 0) {
      this.#writer.headers(stream.id, this.#encoder.trailers(trailers), true, this.#scheduler.maxFrameBytes);
    } else this.#writer.data(stream.id, NO_BYTES, true);
    this.#localEnd(stream);
  }

  #localEnd(stream: Stream): void {
    stream.isLocalEnd = true;
    if (stream.isRemoteEnd) this.#closed(stream);
  }

  #remoteEnd(stream: Stream, trailers: HeaderBlock | undefined): void {
    if (stream.bodyLeft > 0) return this.#malformed(stream, fault('http2.content_length'));
    stream.isRemoteEnd = true;
    stream.onRemoteEnd(trailers);
    if (stream.isLocalEnd) this.#closed(stream);
  }

  /** Both sides have ended. */
  #closed(stream: Stream): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#scheduler.forget(stream);
    this.#guard.onStreamDone();
    this.#owner.onStreamClosed();
  }

  /** Takes a stream out that was reset. */
  #remove(stream: Stream): void {
    this.#streams.delete(stream.id);
    this.#scheduler.forget(stream);
    stream.drop();
  }

  // What goes wrong.

  #refuse(id: number, code: number): void {
    this.#writer.control(resetText(id, code));
    this.#resets.add(id, this.#streamWindowBytes);
  }

  #badRequest(id: number, found: Fault): void {
    if (!this.#options.keepsConnectionOnBadMessage && found.h2Code === H2.PROTOCOL_ERROR) return this.#fatal(found);
    this.#refuse(id, found.h2Code);
    this.#countReset(this.#now());
  }

  #malformed(stream: Stream, found: Fault): void {
    if (!this.#options.keepsConnectionOnBadMessage && found.h2Code === H2.PROTOCOL_ERROR) this.#fatal(found);
    else this.#streamFault(stream, found);
  }

  /** An error of one stream. A client that causes many costs as much as one that resets as many. */
  #streamFault(stream: Stream, found: Fault): void {
    this.#refuse(stream.id, found.h2Code);
    this.#remove(stream);
    stream.reader.onReset(found.h2Code, found.error.code);
    this.#owner.onStreamClosed();
    this.#countReset(stream.openedMs);
  }

  #countReset(openedMs: number): void {
    if (this.#isServer && !this.#isDead && this.#now() - openedMs < PREMATURE_MS) this.#check(this.#guard.onPrematureReset());
  }

  /** Ends the connection where something was found; true where it goes on. */
  #check(found: Fault | undefined): boolean {
    if (found !== undefined) this.#fatal(found);
    return !this.#isDead;
  }

  #fatal(found: Fault): void {
    if (this.#isDead) return;
    this.#writer.text(goAwayText(Math.min(this.#ownGoAwayId, this.#lastPeerId), found.h2Code));
    this.#end(found.h2Code, found.error.code);
    this.#owner.onFatal(found.error);
  }

  #end(code: number, detail: string): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#reader.stop();
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) {
      this.#scheduler.forget(stream);
      stream.drop();
      stream.reader.onReset(code, detail);
    }
  }
}

/** What is wrong with a head by itself. What passed a limit was not read to its end. */
function headFault(head: DecodedHead): Fault | undefined {
  if (head.isTooLarge) return fault('http2.head_too_large');
  return head.malformed === undefined ? undefined : { error: head.malformed, h2Code: H2.PROTOCOL_ERROR };
}
