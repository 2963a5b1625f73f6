import type { NetAddress } from '../../net/address.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import type { Sharing } from './shared-state.ts';
import type { RouteEntry } from '../router/route.ts';
import type { Cluster, Host, UpstreamTls } from '../cluster/cluster.ts';
import type { UpstreamProtocol } from '../cluster/http-upstream.ts';
import type { MadeId } from '../telemetry/ids.ts';
import type { ExchangeState } from '../telemetry/peer-exchange.ts';
import type { TraceContext } from '../telemetry/trace-context.ts';
import type { ProxyTlv } from '../../wire/proxy-protocol/result.ts';
import type { HeaderMap, HttpProtocol, RequestHead, ResponseHead } from '../../wire/http/message.ts';

/**
 * Envoy's response flags: short name in logs, long name in JSON. A stream's flags are a bit set, bit i being row i.
 * Source: Envoy's access log documentation, %RESPONSE_FLAGS%.
 */
export const RESPONSE_FLAGS = [
  // Envoy writes flags in the order in which they were set; this one always comes before another
  ['URX', 'UpstreamRetryLimitExceeded'],
  ['LH', 'FailedLocalHealthCheck'],
  ['UH', 'NoHealthyUpstream'],
  ['UT', 'UpstreamRequestTimeout'],
  ['LR', 'LocalReset'],
  ['UR', 'UpstreamRemoteReset'],
  ['UF', 'UpstreamConnectionFailure'],
  ['UC', 'UpstreamConnectionTermination'],
  ['UO', 'UpstreamOverflow'],
  ['NR', 'NoRouteFound'],
  ['DI', 'DelayInjected'],
  ['FI', 'FaultInjected'],
  ['RL', 'RateLimited'],
  ['UAEX', 'UnauthorizedExternalService'],
  ['RLSE', 'RateLimitServiceError'],
  ['DC', 'DownstreamConnectionTermination'],
  ['SI', 'StreamIdleTimeout'],
  ['IH', 'InvalidEnvoyRequestHeaders'],
  ['DPE', 'DownstreamProtocolError'],
  ['UMSDR', 'UpstreamMaxStreamDurationReached'],
  ['NC', 'NoClusterFound'],
  ['OM', 'OverloadManagerTerminated'],
  ['DF', 'DnsResolutionFailed'],
  ['UPE', 'UpstreamProtocolError'],
  ['DT', 'DurationTimeout'],
  ['DR', 'DownstreamRemoteReset'],
  ['UDO', 'UnconditionalDropOverload'],
] as const satisfies readonly (readonly [short: string, long: string])[];

export type ResponseFlag = (typeof RESPONSE_FLAGS)[number][0];

/** The bit of a flag. */
export function flagBit(flag: ResponseFlag): number {
  return 1 << RESPONSE_FLAGS.findIndex(([short]) => short === flag);
}

/** At which point in a connection's life a line of an access log is written: %ACCESS_LOG_TYPE%. */
export type TcpLogKind = 'TcpConnectionStart' | 'TcpUpstreamConnected' | 'TcpPeriodic' | 'TcpConnectionEnd';

/** The same of a stream of HTTP. */
type HttpLogKind = 'DownstreamPeriodic';

/** Protocols to offer by ALPN, by the version that the upstream is spoken to in; an empty list changes nothing. */
export interface AlpnOffers {
  readonly http10: readonly string[];
  readonly http1: readonly string[];
  readonly http2: readonly string[];
}

/**
 * All that is known of one request (or one TCP connection) for logs, metrics and traces. One object per stream, all
 * fields set from the start so that its shape never changes. Times are `Clock.monotonicMs`, 0 where not reached.
 */
export interface StreamInfo {
  readonly connection: DownstreamConnection;
  /**
   * The client as trusted hops of `x-forwarded-for` name it (%DOWNSTREAM_REMOTE_ADDRESS%, RBAC's `remote_ip`); undefined
   * where that is `connection.remote`.
   */
  clientAddress?: NetAddress | undefined;
  readonly protocol: HttpProtocol | undefined;
  /** Undefined for TCP. */
  readonly request: RequestHead | undefined;
  /** The id that the request got here; undefined where it came with one. */
  madeId?: MadeId | undefined;
  response: ResponseHead | undefined;
  /** 0 where none was sent. */
  responseCode: number;
  /** `via_upstream`, `route_not_found`, ...: %RESPONSE_CODE_DETAILS%. */
  responseCodeDetails: string;
  /** %CONNECTION_TERMINATION_DETAILS%. */
  terminationDetails: string;
  /** Bit set over RESPONSE_FLAGS. */
  flags: number;
  startWallMs: number;
  startMs: number;
  /** Last byte of the request received. */
  requestEndMs: number;
  firstUpstreamByteMs: number;
  /** First and last byte of the request sent to a host; of the last attempt. */
  upstreamSendMs: number;
  upstreamSentMs: number;
  /** Last byte of the host's response. */
  upstreamEndMs: number;
  endMs: number;
  /** Body bytes. */
  bytesReceived: number;
  bytesSent: number;
  route: RouteEntry | undefined;
  routeName: string;
  virtualHostName: string;
  /** Of the virtual host, that it is counted under; absent where none took it. */
  virtualClusterName?: string | undefined;
  cluster: Cluster | undefined;
  /** Name of the cluster that was asked for, also where there is none. */
  clusterName: string;
  upstream: Host | undefined;
  upstreamLocalAddress: string;
  /** Of the last attempt that had a connection. */
  upstreamProtocol?: UpstreamProtocol | undefined;
  /** Hosts of the attempts before the last one that had a connection; absent where there was none. */
  triedHosts?: readonly Host[] | undefined;
  /** TLS of the connection to the upstream; undefined where it is plain or unknown. */
  upstreamTls?: Omit<UpstreamTls, 'alpn'> | undefined;
  upstreamTransportFailure: string;
  attempts: number;
  /** Trailers that came with the request and the response; undefined where there were none, or not yet. */
  requestTrailers?: HeaderMap | undefined;
  responseTrailers?: HeaderMap | undefined;
  /** Body of a local reply before a format made another of it (%LOCAL_REPLY_BODY%). */
  localReplyBody?: string | undefined;
  /** What filters left: `[filter name, value]`; the policy that decided (`rbac`), the peer's metadata (`istio.peer`). */
  readonly metadata: Map<string, unknown>;
  /** The trace that it is a part of; undefined where nothing is traced. */
  trace?: TraceContext | undefined;
  /** By which filter its peers' metadata is exchanged; undefined where none has begun to. */
  exchange?: ExchangeState | undefined;
  /** The health_check filter took it for a health check. */
  isHealthCheck?: boolean;
  /** Envoy's filter state by key, as text; undefined while there is none. */
  filterState?: Map<string, string> | undefined;
  /** Keys of it that connections upstream get too; set by `setFilterState`. */
  sharing?: Map<string, Sharing> | undefined;
  /** Why the handshake with the client failed (%DOWNSTREAM_TRANSPORT_FAILURE_REASON%); absent where it did not. */
  downstreamTransportFailure?: string;
  /** TCP: why we have closed the connection (%DOWNSTREAM_LOCAL_CLOSE_REASON%). */
  localCloseReason?: string | undefined;
  /** At which point a line is written; absent where no TCP proxy writes it, and at the end of a stream of HTTP. */
  logKind?: TcpLogKind | HttpLogKind | undefined;
  /** What connections upstream are to offer by ALPN in place of what their cluster says; absent where no filter says so. */
  alpnOffers?: AlpnOffers;
  /** Fields for a PROXY protocol header upstream. */
  proxyTlvs?: readonly ProxyTlv[] | undefined;
}
