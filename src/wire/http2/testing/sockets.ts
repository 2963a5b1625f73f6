/** Connections of ours over real sockets, for tests against foreign peers. Written by turns, as `gatherWrites` does. */
import { once } from 'node:events';
import net from 'node:net';
import { portOf } from '../../../net/testing/port-of.ts';
import { Http2Connection } from '../connection.ts';
import { DEFAULT_HTTP2_OPTIONS } from '../options.ts';
import type { FrameSink, Http2Options, Http2Owner } from '../types.ts';

const NO_OWNER: Http2Owner = {
  onRequest() {
    throw new Error('a server opened a stream');
  },
  onSettings() {},
  onGoAway() {},
  onPong() {},
  onStreamClosed() {},
  onFatal() {},
};

/** A sink that writes once a turn. */
function socketSink(socket: net.Socket): FrameSink {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  let hasRoom = true;
  const flush = (): void => {
    const all = Buffer.concat(parts);
    parts = [];
    bytes = 0;
    if (!socket.destroyed) hasRoom = socket.write(all);
  };
  socket.on('drain', () => (hasRoom = true));
  const add = (part: Uint8Array): boolean => {
    if (parts.length === 0) setImmediate(flush);
    parts.push(part);
    bytes += part.length;
    return hasRoom;
  };
  return {
    writeText: (text) => add(Buffer.from(text, 'latin1')),
    writeBytes: (view, isBorrowed) => add(isBorrowed ? Buffer.from(view) : view),
    get pendingBytes() {
      return bytes + socket.writableLength;
    },
  };
}

/** Runs a connection over a socket until either ends. */
export function attach(
  role: 'server' | 'client',
  socket: net.Socket,
  owner: Partial<Http2Owner>,
  options: Partial<Http2Options> = {},
): Http2Connection {
  const connection: Http2Connection = new Http2Connection(role, { ...DEFAULT_HTTP2_OPTIONS, ...options }, socketSink(socket), {
    ...NO_OWNER,
    ...owner,
    onFatal: (error) => {
      owner.onFatal?.(error);
      setImmediate(() => socket.end());
    },
  });
  socket.on('data', (bytes: Uint8Array) => connection.feed(bytes));
  socket.on('drain', () => connection.drained());
  socket.on('error', () => {});
  socket.on('close', () => connection.closed('connection closed'));
  return connection;
}

/** A server that speaks our HTTP/2 on each connection. */
export async function serve(onSocket: (socket: net.Socket) => void): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: portOf(server),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
