import type { Cluster, Host } from '../cluster/cluster.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import type { RouteEntry } from '../router/route.ts';
import type { HeaderMap, HttpProtocol, IncomingRequest, ResponseHead } from '../../wire/http/message.ts';
import type { StreamInfo } from './stream-info.ts';

/** A fresh StreamInfo of a request (undefined: of bytes that never became one); all fields set, so that every one has the same shape. */
export function newStreamInfo(
  request: IncomingRequest | undefined,
  connection: DownstreamConnection,
  startWallMs: number,
  startMs: number,
  protocol: HttpProtocol = 'HTTP/1.1',
): StreamInfo {
  return {
    connection,
    clientAddress: undefined,
    protocol: request?.protocol ?? protocol,
    request,
    madeId: undefined as StreamInfo['madeId'],
    response: undefined as ResponseHead | undefined,
    responseCode: 0,
    responseCodeDetails: '',
    terminationDetails: '',
    flags: 0,
    startWallMs,
    startMs,
    requestEndMs: 0,
    firstUpstreamByteMs: 0,
    upstreamSendMs: 0,
    upstreamSentMs: 0,
    upstreamEndMs: 0,
    endMs: 0,
    bytesReceived: 0,
    bytesSent: 0,
    route: undefined as RouteEntry | undefined,
    routeName: '',
    virtualHostName: '',
    cluster: undefined as Cluster | undefined,
    clusterName: '',
    upstream: undefined as Host | undefined,
    upstreamLocalAddress: '',
    upstreamProtocol: undefined as StreamInfo['upstreamProtocol'],
    triedHosts: undefined as StreamInfo['triedHosts'],
    upstreamTls: undefined as StreamInfo['upstreamTls'],
    upstreamTransportFailure: '',
    attempts: 0,
    requestTrailers: undefined as HeaderMap | undefined,
    responseTrailers: undefined as HeaderMap | undefined,
    localReplyBody: undefined as string | undefined,
    metadata: new Map<string, unknown>(),
    trace: undefined as StreamInfo['trace'],
    exchange: undefined as StreamInfo['exchange'],
    filterState: connection.filterState && new Map(connection.filterState),
    sharing: connection.sharing && new Map(connection.sharing),
  };
}
