import type { HeaderBlock } from '../../wire/http/headers.ts';
import type { IncomingRequest, ResponseHead } from '../../wire/http/message.ts';
import type { HttpStream } from '../http/filter.ts';
import type { RequestTrace } from '../tracing/request-trace.ts';
import type { ResponseFlag } from '../http/stream-info.ts';
import type { Forward } from './reroute.ts';
import type { ClusterChoice } from './route.ts';

/** A response head that can be written: the filters may still change it. */
export interface Response extends ResponseHead {
  readonly headers: HeaderBlock;
}

/** The client's side of a request, as the router sees it. */
export interface Downstream extends HttpStream {
  readonly request: IncomingRequest;
  /** True where the client asks for an upgrade that is allowed here, or a tunnel by CONNECT. */
  readonly isUpgrade: boolean;
  /** The cluster that the route chose; undefined where it forwards nothing. */
  readonly choice: ClusterChoice | undefined;
  /** Undefined where no tracer follows requests. */
  readonly trace?: RequestTrace | undefined;
  /** Says that the request comes from inside, so that its x-envoy-* fields count. */
  readonly isInternal: boolean;
  /** Names of the routes that the request took before, by redirects that the proxy followed; undefined before the first. */
  routesTaken: readonly string[] | undefined;
  /** Passes an informational head (1xx, never 101) on; there may be several before the response. */
  respondInformational(head: Response): void;
  /** Passes a response on: the route's changes, then the filters, then the client. */
  respond(head: Response, isEnd: boolean): void;
  /** `view` is borrowed. */
  respondData(view: Uint8Array): void;
  respondEnd(trailers: HeaderBlock | undefined): void;
  /**
   * The upstream of a tunnel has ended its side, and hears the client out. False: the client cannot be heard any more, and
   * `respondEnd` is to be called.
   */
  respondHalfEnd(): boolean;
  /** After `respondHalfEnd`: the client has ended too, and its end has been passed on. */
  endTunnel(): void;
  /** From now on bytes of the client are the tunnel's. */
  beginTunnel(): void;
  /**
   * Begins anew with the request as it is now, which filters and routes see like any other; this stream ends, logged
   * but not answered. `body` and `trailers` are all of the request. Envoy: recreateStream.
   */
  recreate(body: readonly Uint8Array[], trailers: HeaderBlock | undefined): void;
  /**
   * The chosen cluster is not there: looks for the request's route anew. False: the routes in force still lead there. True:
   * now, or once the route is known, the request goes on by another one, or is answered by it, and by `refuse` where it
   * would have to pass its filters again.
   */
  reroute(forward: Forward, refuse: () => void): boolean;
  /** The response cannot be completed: the client's connection is cut so that it knows. */
  abort(flag: ResponseFlag, details: string): void;
  setFlag(flag: ResponseFlag): void;
  /** Stops and goes on reading the client's bytes. */
  pauseReading(): void;
  resumeReading(): void;
}

/** What a client's request is answered by. */
export interface Upstream {
  onRequestData(view: Uint8Array): void;
  onRequestEnd(trailers: HeaderBlock | undefined): void;
  /** The client takes bytes again, or none for now. */
  pauseResponse(): void;
  resumeResponse(): void;
  /** The client is gone, or has its answer: whatever runs is dropped. */
  cancel(): void;
}
