import type { Clock } from '../../core/clock.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { DownstreamConnection } from '../listener/connection.ts';

/** The info of a connection that carries no HTTP, as it is at its beginning; all fields set, so that every one has the same shape. */
export function tcpStreamInfo(connection: DownstreamConnection, clock: Clock): StreamInfo {
  const { filterState, sharing, metadata } = connection;
  return {
    connection,
    protocol: undefined,
    request: undefined,
    response: undefined,
    responseCode: 0,
    responseCodeDetails: '',
    terminationDetails: '',
    flags: 0,
    startWallMs: clock.wallMs(),
    startMs: clock.monotonicMs(),
    requestEndMs: 0,
    firstUpstreamByteMs: 0,
    upstreamSendMs: 0,
    upstreamSentMs: 0,
    upstreamEndMs: 0,
    endMs: 0,
    bytesReceived: 0,
    bytesSent: 0,
    route: undefined,
    routeName: '',
    virtualHostName: '',
    cluster: undefined,
    clusterName: '',
    upstream: undefined,
    upstreamLocalAddress: '',
    upstreamTls: undefined,
    upstreamTransportFailure: '',
    attempts: 0,
    metadata: new Map(metadata),
    filterState: filterState && new Map(filterState),
    sharing: sharing && new Map(sharing),
    localCloseReason: undefined,
    logKind: undefined,
    proxyTlvs: undefined,
  };
}
