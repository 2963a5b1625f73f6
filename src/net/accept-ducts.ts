import type net from 'node:net';
import type { NetAddress } from './address.ts';
import type { Duct, DuctOwner } from './duct.ts';
import { HandleDuct } from './handle-duct.ts';
import { SocketDuct } from './socket-duct.ts';
import { addressBy, tcpBinding } from './tcp-binding.ts';

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
    remote: { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 },
    open: (owner) => new SocketDuct(socket, owner, false),
  };
}

/** How TCP connections are kept alive where nothing is said on them. */
const KEEP_ALIVE_MS = 30_000;

/**
 * Gives every connection that a server accepts to `onAccepted`: TCP by its handle where there are handles, else its
 * socket. Call it when the server listens, before anything else runs; on a Unix
 * socket it may be called before. The server must have `pauseOnConnect` and `allowHalfOpen`.
 */
export function acceptDucts(server: net.Server, onAccepted: (accepted: Accepted) => void): void {
  const binding = tcpBinding();
  const listening: unknown = Reflect.get(server, '_handle');
  if (binding === undefined || !binding.isHandle(listening)) {
    server.on('connection', (socket) => {
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      onAccepted(acceptedSocket(socket));
    });
    return;
  }
  const onConnection = (error: number, handle: unknown): void => {
    if (error !== 0 || !binding.isHandle(handle)) return;
    handle.setKeepAlive(true, KEEP_ALIVE_MS / 1000, 1, 10);
    onAccepted({ remote: addressBy('getpeername', handle), open: (owner) => new HandleDuct(binding, handle, owner) });
  };
  listening.setNoDelay(true);
  Reflect.set(listening, 'onconnection', onConnection);
}
