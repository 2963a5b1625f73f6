/** A request that stands still: what the proxy's filters and router see of a stream, without a client and without time. */
import { systemClock } from '../../core/clock.ts';
import { HeaderBlock } from '../../wire/http/headers.ts';
import type { IncomingRequest } from '../../wire/http/message.ts';
import type { LocalReply } from '../../proxy/http/filter.ts';
import { newStreamInfo } from '../../proxy/http/stream-state.ts';
import type { StreamInfo } from '../../proxy/http/stream-info.ts';
import type { DownstreamConnection } from '../../proxy/listener/connection.ts';
import type { Downstream } from '../../proxy/router/downstream.ts';
import { FILTER_DISABLED, FILTER_ENABLED } from '../../proxy/router/per-filter-config.ts';
import type { ClusterChoice, RouteEntry } from '../../proxy/router/route.ts';

/** A request of its own with the same content. */
export function copyRequest(request: IncomingRequest): IncomingRequest {
  const headers = new HeaderBlock();
  request.headers.forEach((name, value) => headers.add(name, value));
  return { ...request, headers };
}

/** Holds a request at one proxy; filters that answer leave their answer in `answer`. */
export class HeldStream implements Downstream {
  readonly request: IncomingRequest;
  readonly connection: DownstreamConnection;
  readonly info: StreamInfo;
  route: RouteEntry | undefined;
  choice: ClusterChoice | undefined;
  isInternal = false;
  /** What a filter has answered; undefined: none has. */
  answer: LocalReply | undefined;
  /** A filter that had stopped it has let it go on. */
  isResumed = false;
  /** A filter has changed what routes go by. */
  isRouteStale = false;
  readonly response = undefined;
  readonly isUpgrade = false;
  isGrpcWeb = false;
  requestTrailers: HeaderBlock | undefined;
  responseTrailers: HeaderBlock | undefined;
  overrideHost: Downstream['overrideHost'];
  routesTaken: readonly string[] | undefined;

  constructor(request: IncomingRequest, connection: DownstreamConnection) {
    this.request = request;
    this.connection = connection;
    this.info = newStreamInfo(request, connection, systemClock.wallMs(), systemClock.monotonicMs());
  }

  /** One that stands where this one does, for one of several ways to go on. */
  copy(): HeldStream {
    const own = new HeldStream(copyRequest(this.request), this.connection);
    own.isInternal = this.isInternal;
    own.info.clientAddress = this.info.clientAddress;
    for (const [key, each] of this.info.metadata) own.info.metadata.set(key, each);
    own.info.filterState = this.info.filterState;
    return own;
  }

  /** Gives it a route and a cluster, as the connection manager does. */
  take(route: RouteEntry | undefined, choice: ClusterChoice | undefined): void {
    this.route = route;
    this.choice = choice;
    this.info.route = route;
    this.info.routeName = route?.name ?? '';
    this.info.virtualHostName = route?.virtualHostName ?? '';
    this.info.clusterName = choice?.name ?? '';
  }

  perRoute(filterName: string): unknown {
    const own = this.choice?.perFilter.get(filterName) ?? this.route?.perFilter.get(filterName);
    return own === FILTER_DISABLED || own === FILTER_ENABLED ? undefined : own;
  }

  reply(answer: LocalReply): void {
    this.answer = answer;
  }

  refreshRoute(): void {
    this.isRouteStale = true;
  }
  resumeRequest(): void {
    this.isResumed = true;
  }
  resumeResponse(): void {}
  collect(): void {}
  collectResponse(): void {}
  passRequestData(): void {}
  passResponseData(): void {}
  after(): void {}
  respondInformational(): void {}
  respond(): void {}
  respondData(): void {}
  respondEnd(): void {}
  respondHalfEnd(): boolean {
    return false;
  }
  endTunnel(): void {}
  beginTunnel(): void {}
  recreate(): void {}
  reroute(): boolean {
    return false;
  }
  abort(): void {}
  setFlag(): void {}
  pauseReading(): void {}
  resumeReading(): void {}
}
