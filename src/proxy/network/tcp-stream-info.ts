import type { Clock } from '../../core/clock.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { newStreamInfo } from '../http/stream-state.ts';
import type { DownstreamConnection } from '../listener/connection.ts';

/** The info of a connection that carries no HTTP, as it is at its beginning. */
export function tcpStreamInfo(connection: DownstreamConnection, clock: Clock): StreamInfo {
  const info = newStreamInfo(undefined, connection, clock.wallMs(), clock.monotonicMs());
  return { ...info, protocol: undefined, metadata: new Map(connection.metadata) };
}
