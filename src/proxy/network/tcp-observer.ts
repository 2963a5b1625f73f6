/**
 * How filters before a TCP proxy learn what became of a connection: they leave observers with it, and the TCP proxy
 * calls them with the stream info that it keeps up to date while bytes flow.
 */
import type { StreamInfo } from '../http/stream-info.ts';
import type { DownstreamConnection } from '../listener/connection.ts';

export interface TcpObserver {
  /** The upstream is chosen and connected; `info` goes on changing until `onClose`. Not called where none was reached. */
  onConnected?(info: StreamInfo): void;
  /** The client has said something; false: the connection is refused now, as `refuse` has it. Absent: nobody asks. */
  onData?(): boolean;
  /** The connection is over, its info complete. Called once. */
  onClose?(info: StreamInfo): void;
}

const OBSERVERS = Symbol('tcp observers');

function isList(value: unknown): value is TcpObserver[] {
  return Array.isArray(value);
}

/** Leaves an observer with a connection, before its terminal filter runs. */
export function observeTcp({ memo }: DownstreamConnection, observer: TcpObserver): void {
  const list = memo.get(OBSERVERS);
  if (isList(list)) list.push(observer);
  else memo.set(OBSERVERS, [observer]);
}

/** The observers of a connection, for its terminal filter. */
export function tcpObservers({ memo }: DownstreamConnection): readonly TcpObserver[] {
  const list = memo.get(OBSERVERS);
  return isList(list) ? list : [];
}
