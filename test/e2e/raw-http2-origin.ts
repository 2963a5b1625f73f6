/** An origin of HTTP/2 that does to each request what a test wants, right or wrong. */
import { once } from 'node:events';
import net from 'node:net';
import { portOf } from '../../src/net/testing/port-of.ts';
import { ACK, data, FRAME, frame, FrameReader, headers, SERVER_GREETING, uint32 } from '../differential/framework/h2-frames.ts';
import type { Field } from '../differential/framework/h2-hpack.ts';
import { type Lifetime } from './static-proxy.ts';

const PREFACE_BYTES = 24;

/** A connection of the proxy's to the origin. */
class OriginConnection {
  /** From 0, in the order in which they came. */
  readonly number: number;
  readonly socket: net.Socket;
  /** It answers PINGs. */
  isAlive = true;
  /** Streams that have begun, and were not answered yet. */
  readonly open = new Set<number>();
  constructor(number: number, socket: net.Socket) {
    this.number = number;
    this.socket = socket;
  }

  send(...frames: readonly Uint8Array[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(frames));
  }

  /** Answers with a head of these fields, and a body; what is `more` of them may be wrong. */
  answer(stream: number, body = 'fine', ...more: readonly Field[]): void {
    this.open.delete(stream);
    this.send(headers(stream, [[':status', '200'], ...more], false), data(stream, body, true));
  }

  reset(stream: number, code: number): void {
    this.open.delete(stream);
    this.send(frame(FRAME.RST_STREAM, 0, stream, uint32(code)));
  }

  /** Takes no streams above `last`. */
  goAway(last: number, code = 0): void {
    this.send(frame(FRAME.GOAWAY, 0, 0, Buffer.concat([uint32(last), uint32(code)])));
  }
}

/** What is done to a request; `stream` is its number. */
export type Serve = (connection: OriginConnection, stream: number) => void;

export interface RawOrigin {
  readonly port: number;
  readonly connections: readonly OriginConnection[];
}

/** Starts one that says `greeting` first. */
export async function startRawOrigin(t: Lifetime, serve: Serve, greeting: Uint8Array = SERVER_GREETING): Promise<RawOrigin> {
  const connections: OriginConnection[] = [];
  const server = net.createServer((socket) => {
    const connection = new OriginConnection(connections.length, socket);
    connections.push(connection);
    const reader = new FrameReader({
      onFields(stream) {
        connection.open.add(stream);
        serve(connection, stream);
      },
      onFrame(type, flags, stream, payload) {
        if (type === FRAME.SETTINGS && (flags & ACK) === 0) connection.send(frame(FRAME.SETTINGS, ACK, 0));
        if (type === FRAME.PING && (flags & ACK) === 0 && connection.isAlive) connection.send(frame(FRAME.PING, ACK, 0, payload));
        if (type === FRAME.RST_STREAM) connection.open.delete(stream);
      },
    });
    let preface = PREFACE_BYTES;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      const rest = bytes.subarray(Math.min(preface, bytes.length));
      preface -= bytes.length - rest.length;
      if (rest.length > 0) reader.take(rest);
    });
    connection.send(greeting);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const { socket } of connections) socket.destroy();
    server.close();
  });
  return { port: portOf(server), connections };
}
