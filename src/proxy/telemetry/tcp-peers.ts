/**
 * The peers of a TCP connection, downstream and upstream, as they have told who they are (`istio.metadata_exchange`): left
 * with the connection's info by who reads it, for who labels metrics. A peer may tell only after the connection is
 * established, so that it can be waited for.
 */
import type { StreamInfo } from '../http/stream-info.ts';
import type { PeerMetadata } from './peer-metadata.ts';

/** Which of a connection's two peers. */
export type PeerSide = 'downstream' | 'upstream';

const KEYS = { downstream: 'istio.tcp_downstream_peer', upstream: 'istio.tcp_upstream_peer' } as const;

/** A peer that tells, or will. */
class ToldPeer {
  peer: PeerMetadata | undefined = undefined;
  isKnown = false;
  readonly #waiting: (() => void)[] = [];

  tell(peer: PeerMetadata | undefined): void {
    if (this.isKnown) return;
    this.peer = peer;
    this.isKnown = true;
    for (const callback of this.#waiting.splice(0)) callback();
  }

  whenKnown(callback: () => void): void {
    if (this.isKnown) callback();
    else this.#waiting.push(callback);
  }
}

function find(info: StreamInfo, side: PeerSide): ToldPeer | undefined {
  const value = info.metadata.get(KEYS[side]);
  return value instanceof ToldPeer ? value : undefined;
}

/** Says that a peer will tell who it is; the result is to be called once, with undefined where it says nothing. */
export function expectPeer(info: StreamInfo, side: PeerSide): (peer: PeerMetadata | undefined) => void {
  const told = new ToldPeer();
  info.metadata.set(KEYS[side], told);
  return (peer) => told.tell(peer);
}

/** What a peer has told; undefined where it has not. */
export function tcpPeerOf(info: StreamInfo, side: PeerSide): PeerMetadata | undefined {
  return info.metadata.size === 0 ? undefined : find(info, side)?.peer;
}

/** Calls back once a peer has told, or at once where nothing is expected of it. */
export function whenPeerKnown(info: StreamInfo, side: PeerSide, callback: () => void): void {
  const told = find(info, side);
  if (told === undefined) callback();
  else told.whenKnown(callback);
}
