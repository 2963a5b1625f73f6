import type net from 'node:net';
import { type TcpBinding, type TcpHandle, tcpBinding } from './tcp-binding.ts';

/**
 * Gives every connection that a server accepts to `onHandle`, where it is TCP and there are handles, else to `onSocket`.
 * Call it once the server listens, before anything else runs; on a Unix socket it may be called before. The server must
 * have `pauseOnConnect` and `allowHalfOpen`.
 */
export function acceptHandles(
  server: net.Server,
  onHandle: (handle: TcpHandle, binding: TcpBinding) => void,
  onSocket: (socket: net.Socket) => void,
): void {
  const binding = tcpBinding();
  const listening: unknown = Reflect.get(server, '_handle');
  if (binding === undefined || !binding.isHandle(listening)) {
    server.on('connection', onSocket);
    return;
  }
  const onConnection = (error: number, handle: unknown): void => {
    if (error === 0 && binding.isHandle(handle)) onHandle(handle, binding);
  };
  // accepted connections have it from their listener: a system call less for each
  listening.setNoDelay(true);
  Reflect.set(listening, 'onconnection', onConnection);
}
