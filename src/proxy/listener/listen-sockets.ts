/**
 * Where listening sockets come from. A proxy that is alone binds them; one that takes over from another inherits them;
 * one of several event loops binds beside the others, on the same port.
 */
import type { NetAddress } from '../../net/address.ts';

export type ListenSource =
  /** To be bound. `isShared`: others listen on the same port (SO_REUSEPORT); `port` is theirs where any will do. */
  | { readonly kind: 'bind'; readonly isShared: boolean; readonly port?: number | undefined }
  /** Listening already: these descriptors, which are given away. */
  | { readonly kind: 'inherit'; readonly descriptors: readonly number[] }
  /** Another event loop listens there, and cannot share it. */
  | { readonly kind: 'elsewhere' };

/** An open listening socket: its key, and its descriptors now. */
export interface Listening {
  readonly key: string;
  readonly descriptors: readonly number[];
  readonly bound: NetAddress;
}

export interface ListenSockets {
  /** How to listen at the address with that key. Rejects with an Error where it cannot be had. */
  claim(key: string, wanted: NetAddress): Promise<ListenSource>;
  /** It listens now, or with other descriptors than before. */
  opened(listening: Listening): void;
  /** It could not be opened. */
  failed(key: string, reason: string): void;
  closed(listening: Listening): void;
  /** Files of Unix sockets go with them; not where another process has the sockets too. */
  readonly ownsFiles: boolean;
}

/** The key of an address: what tells that two processes or loops mean the same socket. A port that the kernel chooses belongs to its listener. */
export function socketKey(listener: string, { host, port }: NetAddress): string {
  if (host.startsWith('/')) return host;
  return port === 0 ? `${listener}|${host}:0` : `${host}:${port}`;
}

/** For a proxy by itself. */
export const ownSockets: ListenSockets = {
  claim: () => Promise.resolve({ kind: 'bind', isShared: false }),
  opened() {},
  failed() {},
  closed() {},
  ownsFiles: true,
};
