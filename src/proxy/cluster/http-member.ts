import type { ClusterHttpStats } from './http-stats.ts';
import type { UpstreamProtocol, UpstreamStream } from './http-upstream.ts';

/** A connection of a pool, with room for one request (HTTP/1.1) or for many (HTTP/2). */
export interface PoolMember {
  readonly protocol: UpstreamProtocol;
  /** Requests that were begun on it. */
  requests: number;
  /** Set by the pool, or by the end of what it can do: it must not be given another request. */
  isRetired: boolean;
  readonly isClosed: boolean;
  /** We have closed it, and not the peer. */
  readonly isClosedByUs: boolean;
  /** A request runs on it. */
  readonly isBusy: boolean;
  /** It can take a request now. */
  readonly hasRoom: boolean;
  /** `Clock.monotonicMs` of its making. */
  openedMs: number;
  /** `Clock.monotonicMs` since which no request runs on it. */
  idleSinceMs: number;
  /**
   * For how long without a request it can be given another one: the host has said when it ends idle connections, and a
   * request that meets the end on its way is lost. Infinity where it has not said so.
   */
  readonly keptMs: number;
  /** It stands among those of its pool that have room. */
  isListed: boolean;
  /** Begins a request, which takes room until it is over. Only where `hasRoom`. */
  open(): UpstreamStream;
  /**
   * Closes it at once; readers are told as of any other end. From here on it must not be handed out: the socket tells of
   * its end some turns later, and what is written meanwhile is lost.
   */
  close(detail?: string): void;
}

/** What a connection tells its pool. */
export interface MemberOwner {
  readonly stats: ClusterHttpStats;
  /** A request has ended, or there is more room than before. */
  onRoom(member: PoolMember): void;
  /** HTTP/2: the host takes so many streams at a time on a connection. */
  onStreamLimit(streams: number): void;
  onClosed(member: PoolMember): void;
}
