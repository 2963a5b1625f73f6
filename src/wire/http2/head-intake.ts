/** Heads and trailers as they come in: put together, decoded, and given to whom their stream's state says. */
import type { ConnectionCore } from './connection-core.ts';
import { fault, type Fault } from './faults.ts';
import { type BlockKind, type DecodedHead, REQUEST, RESPONSE, TRAILERS } from './field-collector.ts';
import { HeadAssembler } from './head-assembler.ts';
import { headFault, incomingRequest, incomingResponse, requestBodyBytes, responseBodyBytes } from './heads.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import type { Stream } from './stream.ts';
import { H2 } from './types.ts';

export class HeadIntake {
  readonly #core: ConnectionCore;
  readonly #assembler: HeadAssembler;
  readonly #decoder: HpackDecoder;

  constructor(core: ConnectionCore) {
    const { options } = core;
    this.#core = core;
    this.#assembler = new HeadAssembler(options.maxHeadBytes);
    this.#decoder = new HpackDecoder(options, options.hpackTableBytes);
  }

  /** Stream whose CONTINUATION must be the next frame; 0 for none. */
  get openId(): number {
    return this.#assembler.openId;
  }

  /** The peer has taken our SETTINGS: its encoder must keep to the table's size from now on. */
  onSettingsAck(): void {
    this.#decoder.setMaxTableBytes(this.#core.options.hpackTableBytes);
  }

  /** HEADERS. */
  begin(flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    if ((id & 1) === 0) return this.#core.fatal(fault('http2.stream_id'));
    if (this.#core.check(this.#assembler.begin(flags, id, bytes, start, end)))
      this.#added(id, this.#assembler.start === this.#assembler.end);
  }

  /** CONTINUATION. */
  add(flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#assembler.openId === 0) return this.#core.fatal(fault('http2.continuation'));
    if (this.#core.check(this.#assembler.add(flags, bytes, start, end))) this.#added(id, start === end);
  }

  #added(id: number, isEmpty: boolean): void {
    const { isEnd, openId } = this.#assembler;
    if (this.#core.check(this.#core.guard.onPayload(isEmpty && !isEnd)) && openId === 0) this.#whole(id, isEnd);
  }

  /** Every block is decoded, whoever it is for: the table must keep up with the peer's. */
  #whole(id: number, isEnd: boolean): void {
    const core = this.#core;
    const stream = core.streams.get(id);
    const head = this.#decode(stream === undefined ? REQUEST : core.isServer || stream.hasHead ? TRAILERS : RESPONSE);
    if (head.compressionError !== undefined) core.fatal({ error: head.compressionError, h2Code: H2.COMPRESSION_ERROR });
    else if (stream === undefined) this.#unknown(id, head, isEnd);
    else if (stream.isRemoteEnd) core.streamFault(stream, fault('http2.stream_closed'));
    else this.#known(stream, head, isEnd);
  }

  #decode(kind: BlockKind): DecodedHead {
    const { bytes, start, end } = this.#assembler;
    this.#assembler.clear();
    return this.#decoder.decode(bytes, start, end, kind);
  }

  /** A block of a stream that is not open: a new request, or one for a stream that has been closed. */
  #unknown(id: number, head: DecodedHead, isEnd: boolean): void {
    const core = this.#core;
    if (!core.isIdleId(id)) {
      if (!core.resets.forgivesHead(id)) core.fatal(fault('http2.stream_closed'));
    } else if (core.isServer) this.#request(id, head, isEnd);
    else core.fatal(fault('http2.idle_stream'));
  }

  #known(stream: Stream, head: DecodedHead, isEnd: boolean): void {
    const core = this.#core;
    const found = headFault(head);
    if (found !== undefined) core.malformed(stream, found);
    else if (!core.isServer && !stream.hasHead) this.#response(stream, head, isEnd);
    else if (isEnd) core.remoteEnd(stream, head.headers);
    else core.malformed(stream, fault('http2.trailers'));
  }

  #request(id: number, head: DecodedHead, isEnd: boolean): void {
    const core = this.#core;
    core.lastPeerId = id;
    if (id > core.ownGoAwayId || core.streams.size >= core.options.maxConcurrentStreams) return core.refuse(id, H2.REFUSED_STREAM);
    const bodyBytes = requestBodyBytes(head);
    const found = headFault(head) ?? this.#requestFault(head, isEnd, bodyBytes);
    if (found !== undefined) return this.#badRequest(id, found);
    const stream = core.newStream(id);
    stream.bodyLeft = bodyBytes;
    stream.isRemoteEnd = isEnd;
    stream.openedMs = core.nowMs();
    stream.reader = core.owner.onRequest(stream, incomingRequest(head, isEnd), isEnd);
  }

  #requestFault(head: DecodedHead, isEnd: boolean, bodyBytes: number): Fault | undefined {
    if (head.protocol !== '' && !this.#core.options.allowsConnect) return fault('http2.extended_connect');
    return isEnd && bodyBytes > 0 ? fault('http2.body_length') : undefined;
  }

  #badRequest(id: number, found: Fault): void {
    const core = this.#core;
    core.owner.onBadRequest?.(found.error);
    if (core.isFatalInMessage(found)) return core.fatal(found);
    core.refuse(id, found.h2Code);
    core.countReset(core.nowMs());
  }

  #response(stream: Stream, head: DecodedHead, isEnd: boolean): void {
    const core = this.#core;
    if (head.status < 200) {
      if (isEnd) core.malformed(stream, fault('http2.informational_end'));
      else stream.reader.onHead(incomingResponse(head, 0, ''), false);
      return;
    }
    const bodyBytes = responseBodyBytes(head, stream.isToHead, stream.isConnect);
    if (isEnd && bodyBytes > 0) return core.malformed(stream, fault('http2.body_length'));
    stream.hasHead = true;
    stream.bodyLeft = bodyBytes;
    stream.isRemoteEnd = isEnd;
    stream.reader.onHead(incomingResponse(head, isEnd ? 0 : bodyBytes, stream.upgrade), isEnd);
    if (isEnd && stream.isLocalEnd) core.closed(stream);
  }
}
