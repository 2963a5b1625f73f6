/**
 * A TCP proxy's connections as tunnels: each is a request by CONNECT (or POST) on the HTTP connections that its host's
 * pool keeps, so that with HTTP/2 a new one costs a stream. Envoy: TcpProxy.tunneling_config.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { HeaderBlock } from '../../wire/http/headers.ts';
import type { HeaderMap, IncomingResponse } from '../../wire/http/message.ts';
import type { Host, TransportHandlers } from '../cluster/cluster.ts';
import { findPool } from '../cluster/host-pools.ts';
import type { PoolWaiter } from '../cluster/http-pool.ts';
import { clusterHttpStats } from '../cluster/http-stats.ts';
import type { ResponseReader, UpstreamStream } from '../cluster/http-upstream.ts';
import { setFilterState } from '../http/shared-state.ts';
import type { TcpConnectOptions, TcpConnector } from './tcp-upstream.ts';
import { TunnelConnection } from './tunnel-connection.ts';
import type { TunnelSettings } from './tunnel-config.ts';

/** Where Envoy keeps what the peer's response said. */
const RESPONSE_HEADERS = 'envoy.tcp_proxy.propagate_response_headers';
const RESPONSE_TRAILERS = 'envoy.tcp_proxy.propagate_response_trailers';
/** Metadata of the TCP proxy itself. */
const METADATA = 'envoy.filters.network.tcp_proxy';

/** Fields as Envoy writes them into an access log: envoy.config.core.v3.HeaderMap as JSON. */
function headersText(fields: HeaderMap | undefined, status?: number): string {
  const headers = status === undefined ? [] : [{ key: ':status', value: String(status) }];
  fields?.forEach((key, value) => headers.push({ key, value }));
  return JSON.stringify({ headers });
}

/** One tunnel, from its pool to its end. */
class Tunnel implements PoolWaiter, ResponseReader {
  readonly isHead = false;
  readonly #settings: TunnelSettings;
  readonly #host: Host;
  readonly #options: TcpConnectOptions;
  readonly #handlers: TransportHandlers;
  #stream: UpstreamStream | undefined = undefined;
  #connection: TunnelConnection | undefined = undefined;
  #isCounted = true;
  #isUnderWay = false;

  constructor(settings: TunnelSettings, host: Host, options: TcpConnectOptions, handlers: TransportHandlers) {
    this.#settings = settings;
    this.#host = host;
    this.#options = options;
    this.#handlers = handlers;
    host.activeRequests++;
  }

  onPoolReady(stream: UpstreamStream): void {
    const { cluster } = this.#options;
    this.#isUnderWay = true;
    cluster.limits.requests.value++;
    clusterHttpStats(cluster.stats).upstream_rq_total.value++;
    const { info } = this.#options;
    const { requestIdKey } = this.#settings;
    const requestId = requestIdKey === undefined ? '' : randomUUID();
    if (requestIdKey !== undefined) info.metadata.set(METADATA, { [requestIdKey]: requestId });
    this.#stream = stream;
    stream.sendHead(this.#settings.request(info, stream.tls !== undefined, requestId), '', false, this);
  }

  onPoolFailure(reason: string, detail: string): void {
    this.#failed(reason === 'connection timeout' || detail === '' ? reason : detail);
  }

  onInformational(): void {}

  onResponseHead({ status, headers }: IncomingResponse, isEnd: boolean): void {
    const { info } = this.#options;
    if (this.#settings.propagatesHeaders) setFilterState(info, RESPONSE_HEADERS, headersText(headers, status));
    const stream = this.#stream;
    if (stream === undefined) return;
    if (isEnd || status < 200 || status > 299) {
      stream.destroy();
      this.#failed(`the tunnel was refused with status ${status}`);
      return;
    }
    const connection = new TunnelConnection(stream, this.#host.address, () => this.#release());
    this.#connection = connection;
    connection.read(this.#handlers);
    this.#handlers.onConnect(connection, stream.tls);
  }

  onResponseData(view: Uint8Array): void {
    this.#connection?.receive(view);
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    if (trailers !== undefined && this.#settings.propagatesTrailers)
      setFilterState(this.#options.info, RESPONSE_TRAILERS, headersText(trailers));
    if (this.#connection === undefined) this.#failed('the tunnel ended before it began');
    else this.#connection.peerEnded();
  }

  /** After its end the peer has gone altogether. */
  onLateReset(isError: boolean): void {
    this.#connection?.broken(isError ? 'ECONNRESET' : undefined);
  }

  onUpstreamDrain(): void {
    this.#connection?.drained();
  }

  /** Once it carries bytes, a tunnel that breaks is to its client a connection that was reset: what it got is not all. */
  onUpstreamReset(reason: string, detail: string): void {
    if (this.#connection === undefined) this.#failed(detail === '' ? reason : detail);
    else this.#connection.broken('ECONNRESET');
  }

  #failed(error: string): void {
    this.#release();
    this.#handlers.onClose(error);
  }

  #release(): void {
    if (!this.#isCounted) return;
    this.#isCounted = false;
    this.#host.activeRequests--;
    if (this.#isUnderWay) this.#options.cluster.limits.requests.value--;
  }
}

/** Tunnels as `settings` say, over the HTTP pools of hosts. */
export function tunnelConnector(settings: TunnelSettings, clock: Clock): TcpConnector {
  return {
    countsConnections: true,
    connectUpstream(host, options, handlers) {
      const { cluster } = options;
      const { limits } = cluster;
      const pool = findPool(cluster, host, clock, { protocol: 'HTTP/1.1', isTunnel: true, sni: '', limits, info: options.info });
      if (pool === undefined) handlers.onClose('overflow');
      else pool.acquire(new Tunnel(settings, host, options, handlers));
    },
  };
}
