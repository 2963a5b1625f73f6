/**
 * What the HTTP/2 codec and its users say to each other. The codec is a byte machine (RFC 9113): bytes in, events out,
 * frames written to a `FrameSink`. Both ends of a connection use the same classes.
 */
import type { ProtocolError } from '../../core/errors.ts';
import type { HeaderBlock } from '../http/headers.ts';
import type { IncomingRequest, IncomingResponse } from '../http/message.ts';

/** Error codes of RST_STREAM and GOAWAY (RFC 9113 section 7). */
export const H2 = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const;

/** What this end allows the other. Names and defaults: Envoy, `config.core.v3.Http2ProtocolOptions`. */
export interface Http2Options {
  /** SETTINGS_HEADER_TABLE_SIZE for the peer's encoder, and the most that our own encoder uses. */
  readonly hpackTableBytes: number;
  readonly maxConcurrentStreams: number;
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  /** Decoded bytes of a head, counted as RFC 9113 section 6.5.2 counts them, and its fields. */
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  /** Extended CONNECT (RFC 8441) is announced and taken. */
  readonly allowsConnect: boolean;
  /** A malformed message ends its stream and not the connection (`override_stream_error_on_invalid_http_message`). */
  readonly keepsConnectionOnBadMessage: boolean;
  readonly maxOutboundFrames: number;
  readonly maxOutboundControlFrames: number;
  readonly maxConsecutiveEmptyFrames: number;
  readonly maxPriorityFramesPerStream: number;
  readonly maxWindowUpdatesPerDataFrame: number;
  /** Streams that a client may reset right after opening them, before the connection is closed on it. */
  readonly maxPrematureResets: number;
}

/** Where frames go: a `Connection`, whose `gatherWrites` makes one write of all that a turn of the event loop brings. */
export interface FrameSink {
  /** One byte a character. False: above the high-water mark; `Http2Connection.drained` is called once it is not. */
  writeText(text: string): boolean;
  writeBytes(bytes: Uint8Array, isBorrowed: boolean): boolean;
  /** Bytes that were written and not yet taken. */
  readonly pendingBytes: number;
}

/**
 * Who reads a stream. Views are borrowed. A head with `isEnd` is the end: `onEnd` is not called then. After the end only
 * `onDrain` and `onReset` come, while our sending side is open; after `onReset` nothing does. A stream's reader is never
 * called from within the calls of `Http2Stream`, but for `onData` and `onEnd` in `resume`.
 */
export interface Http2Reader {
  /** Client only: final heads and informational ones before (status < 200; an accepted extended CONNECT comes as 101). */
  onHead(head: IncomingResponse, isEnd: boolean): void;
  onData(view: Uint8Array): void;
  onEnd(trailers: HeaderBlock | undefined): void;
  /** The peer's RST_STREAM, its GOAWAY before it took the request (REFUSED_STREAM), or the end of the connection. */
  onReset(code: number, detail: string): void;
  /** Bytes can be sent again, after `sendData` gave false. */
  onDrain(): void;
}

/** One stream, as its user sends on it. */
export interface Http2Stream {
  readonly id: number;
  /** False once both sides have ended, or either was reset. */
  readonly isOpen: boolean;
  /** Our end has been written: everything before it too. */
  readonly isLocalEnd: boolean;
  /** Server only. Informational heads (< 200) may come before; 101 accepts an extended CONNECT. */
  sendResponse(status: number, headers: HeaderBlock, isEnd: boolean): void;
  /** Sends a borrowed piece; false: kept or not taken yet, wait for `onDrain`. */
  sendData(view: Uint8Array): boolean;
  sendEnd(trailers: HeaderBlock | undefined): void;
  /** Ends both sides by RST_STREAM; its reader is not called any more. */
  reset(code: number): void;
  /** No `onData` until `resume`: what comes meanwhile is kept, and not acknowledged, so that the window bounds it. */
  pause(): void;
  resume(): void;
}

/** A connection's user. */
export interface Http2Owner {
  /** Server only: a client has opened a stream. Gives who reads it. */
  onRequest(stream: Http2Stream, head: IncomingRequest, isEnd: boolean): Http2Reader;
  /** Server only: a request was refused for its form, before anybody read it. */
  onBadRequest?(error: ProtocolError): void;
  /** The peer's SETTINGS have come, first or again. */
  onSettings(): void;
  /** The peer opens no more, and takes none above those it has told to be reset. */
  onGoAway(code: number): void;
  onPong(): void;
  /** A stream has come to its end: there may be room for another. */
  onStreamClosed(): void;
  /** A breach of the protocol or of a limit: GOAWAY is written, every reader has been told; the connection is to be closed. */
  onFatal(error: ProtocolError): void;
}
