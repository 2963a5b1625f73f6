/** Upstreams of TCP topics, by what they do with a connection. */
import { once } from 'node:events';
import net from 'node:net';
import { portOf } from '../../../src/net/testing/port-of.ts';
import type { Servers } from './proxies.ts';

type Serve = (socket: net.Socket) => void;

/** Answers once its client has ended. */
function whole(answer: (text: string, socket: net.Socket) => string | Buffer): Serve {
  return (socket) => {
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => (text += String(chunk)));
    socket.on('end', () => socket.end(answer(text, socket)));
  };
}

const KINDS = {
  /** Gives back what it gets. */
  echo: (socket) => void socket.pipe(socket),
  /** Gives back all of it once its client has ended. */
  whole: whole((text) => `got ${text}`),
  /** What it got, in hexadecimal, once its client has ended. */
  hex: whole((text) => Buffer.from(text, 'latin1').toString('hex')),
  /** Speaks first. */
  greets: (socket) => {
    socket.write('220 hello\r\n');
    socket.on('data', () => socket.end('221 bye\r\n'));
  },
  /** Ends its side at once, and then hears its client out. */
  endsFirst: (socket) => {
    socket.end('early');
    socket.resume();
  },
  /** Breaks off when it hears something. */
  resets: (socket) => void socket.once('data', () => socket.resetAndDestroy()),
  /** Before a word, but after whoever connects has noticed that he has. */
  resetsAtOnce: (socket) => void setTimeout(() => socket.resetAndDestroy(), 500),
  closes: (socket) => void socket.end(),
  /** Says something, and breaks off when it hears something. */
  halfSaid: (socket) => {
    socket.write('some');
    socket.once('data', () => socket.resetAndDestroy());
  },
  /** Hears everything, says nothing. */
  holds: (socket) => void socket.resume(),
  /** Four mebibytes, then ends. */
  big: (socket) => {
    socket.end(Buffer.alloc(4 << 20, 'x'));
    socket.resume();
  },
  first: whole(() => 'first'),
  second: whole(() => 'second'),
} as const satisfies Record<string, Serve>;

/** Starts all of them. */
export async function startTcpServers(): Promise<Servers> {
  const sockets = new Set<net.Socket>();
  const servers: net.Server[] = [];
  const ports: Record<string, number> = {};
  for (const [name, serve] of Object.entries<Serve>(KINDS)) {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => {});
      serve(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ports[name] = portOf(server);
    servers.push(server);
  }
  return {
    ports,
    async close() {
      for (const server of servers) server.close();
      for (const socket of sockets) socket.destroy();
      await Promise.resolve();
    },
  };
}
