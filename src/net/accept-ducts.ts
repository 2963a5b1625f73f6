import type net from 'node:net';
import { acceptHandles } from './accept-handles.ts';
import type { NetAddress } from './address.ts';
import type { Duct, DuctOwner } from './duct.ts';
import { HandleDuct } from './handle-duct.ts';
import { SocketDuct } from './socket-duct.ts';
import { remoteOf } from './socket-ends.ts';
import { addressBy } from './tcp-binding.ts';

/** An accepted connection. */
export interface Accepted {
  /** Of its client; '' and 0 on a Unix socket. */
  readonly remote: NetAddress;
  /** Takes it: bytes come once the duct is resumed. Called once. */
  open(owner: DuctOwner): Duct;
}

/** A socket of Node's, paused. */
export function acceptedSocket(socket: net.Socket): Accepted {
  return {
    remote: remoteOf(socket),
    open: (owner) => new SocketDuct(socket, owner, false),
  };
}

/** How TCP connections are kept alive where nothing is said on them. */
const KEEP_ALIVE_MS = 30_000;

/**
 * Gives every connection that a server accepts to `onAccepted`: TCP by its handle where there are handles, else its
 * socket. When to call it, and what server it takes: see `acceptHandles`.
 */
export function acceptDucts(server: net.Server, onAccepted: (accepted: Accepted) => void): void {
  acceptHandles(
    server,
    (handle, binding) => {
      handle.setKeepAlive(true, KEEP_ALIVE_MS / 1000, 1, 10);
      onAccepted({ remote: addressBy('getpeername', handle), open: (owner) => new HandleDuct(binding, handle, owner) });
    },
    (socket) => {
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      onAccepted(acceptedSocket(socket));
    },
  );
}
