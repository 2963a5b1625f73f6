/**
 * A request on its way to a host, and who reads the answer: the same whatever version of HTTP the host speaks. The
 * router knows nothing below this.
 */
import type { HeaderBlock } from '../../wire/http/headers.ts';
import type { IncomingResponse, RequestHead } from '../../wire/http/message.ts';
import type { UpstreamTls } from './cluster.ts';
import type { ResetReason } from '../router/retry-decision.ts';

/** The protocol of a connection to a host. */
export type UpstreamProtocol = 'HTTP/1.1' | 'HTTP/2';

/** A request head that can be sent. `contentLength` is -1 where the body's length is not declared. */
export type OutgoingRequest = Pick<RequestHead, 'method' | 'path' | 'authority' | 'scheme' | 'contentLength'> & {
  readonly headers: HeaderBlock;
};

/** Who reads a response. Nothing is called after `onResponseEnd`, a head with `isEnd`, or `onUpstreamReset`. */
export interface ResponseReader {
  readonly isHead: boolean;
  /** A head with status < 200 that comes before the final one; never 101. */
  onInformational(head: IncomingResponse): void;
  /** The final head, or 101 to an upgrade, or 2xx to CONNECT: after the latter two, data are the tunnel's bytes. */
  onResponseHead(head: IncomingResponse, isEnd: boolean): void;
  /** `view` is borrowed. */
  onResponseData(view: Uint8Array): void;
  onResponseEnd(trailers: HeaderBlock | undefined): void;
  /** The host takes request bytes again. */
  onUpstreamDrain(): void;
  /** The peer has reset the stream after the end of its response (`isError`: not to say that it needs no more). */
  onLateReset?(isError: boolean): void;
  /** Nothing more comes. `detail` is the transport's word for it. */
  onUpstreamReset(reason: ResetReason, detail: string): void;
}

/** One request on a connection to a host. */
export interface UpstreamStream {
  readonly protocol: UpstreamProtocol;
  /** Our end of the connection, `10.0.0.1:40000`. */
  readonly localAddress: string;
  /** Of its connection; undefined without TLS. */
  readonly tls: UpstreamTls | undefined;
  /** It takes bytes after the end of its response, too: a tunnel that ends here. `onUpstreamDrain` and `onUpstreamReset` may then be called until it is over. */
  readonly isHalfOpen?: boolean;
  /**
   * Sends the head; called once, and at once when the stream is given. `upgrade` is the protocol to change to, '' for
   * none; upgrades and CONNECT have no body but stay open, `isEnd` false.
   */
  sendHead(request: OutgoingRequest, upgrade: string, isEnd: boolean, reader: ResponseReader): void;
  /** Sends a borrowed piece of the body; false: wait for `onUpstreamDrain`. */
  sendData(view: Uint8Array): boolean;
  sendEnd(trailers: HeaderBlock | undefined): void;
  /** The reader wants no more of the response, and is not called again. What the connection carries besides goes on. */
  abandon(): void;
  /** As `abandon`, for a stream whose peer is not to be trusted with a rest: it is reset at once. */
  destroy(): void;
  /** No data until `resume`. */
  pause(): void;
  resume(): void;
}
