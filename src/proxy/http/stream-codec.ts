import type { HeaderBlock } from '../../wire/http/headers.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import type { Response } from '../router/downstream.ts';
import type { Stream } from './stream.ts';

/** What a codec asks a stream whose response it writes. */
export interface CodedStream {
  readonly isRequestDone: boolean;
  /** The response is its head alone. */
  readonly isResponseWhole: boolean;
  /** The client asks for an upgrade, or for a tunnel by CONNECT; `isTunnel`: it is accepted. */
  readonly isUpgrade: boolean;
  readonly isTunnel: boolean;
  /** The connection should serve nothing more, where it serves one request at a time. */
  readonly isLast: boolean;
  /** How long the end of the response may wait for a client that does not take it; 0 for ever. */
  readonly flushTimeoutMs: number;
}

/** The codec's side of one request: where the response is written, and where the request's bytes come from. */
export interface StreamCodec {
  readonly downstream: DownstreamConnection;
  /** A head of status 1xx, but not 101. */
  writeInformational(status: number, headers: HeaderBlock): void;
  writeHead(response: Response, stream: CodedStream): void;
  /** Writes a borrowed piece of a body, or of a tunnel. False: no more until the stream's `drained` is called. */
  writeData(view: Uint8Array): boolean;
  /** The end of a body, or of what a tunnel's upstream sends. */
  writeEnd(trailers: HeaderBlock | undefined): void;
  /** After `writeEnd` a tunnel's client can still be heard, until it ends its side. */
  readonly isHalfOpen?: boolean;
  pauseReading(): void;
  resumeReading(): void;
  /** What the client sends from now on is the tunnel's. */
  beginTunnel(): void;
  /** The request goes on as another stream, whose response is written instead. */
  replaceStream(stream: Stream): void;
  /** The stream is over: its response is out, or (`isBroken`) cannot be completed. Not called after the stream's `clientGone`. */
  onStreamEnd(stream: CodedStream, isBroken: boolean): void;
}
