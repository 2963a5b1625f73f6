/** Origins that do one thing wrong, as HTTP/1.1, HTTP/2 or plain bytes, in clear text or over TLS. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { portOf } from '../../src/net/testing/port-of.ts';
import type { TestKeyPair } from '../../src/net/testing/certificates.ts';
import { data, FRAME, frame, FrameReader, headers, SERVER_GREETING } from '../differential/framework/h2-frames.ts';

export type Protocol = 'h1' | 'h2' | 'tcp';

/** An answer in its three parts, as a protocol writes them, and what no protocol allows. */
interface Words {
  /** Announces a body of ten bytes. */
  readonly head: Buffer;
  readonly first: Buffer;
  /** Ends the answer. */
  readonly rest: Buffer;
  readonly garbage: Buffer;
}

/** One request that an origin was asked, and the connection that it came by. */
export interface Asked {
  readonly words: Words;
  readonly write: (bytes: Uint8Array) => void;
  /** Closes in order. */
  readonly close: () => void;
  /** Sends RST. */
  readonly reset: () => void;
}

export interface FaultOrigin {
  readonly port: number;
  /** Ends all of its connections, and takes others. */
  dropAll(): void;
  stop(): Promise<void>;
}

const BODY = ['abcde', 'fghij'] as const;
const PREFACE_BYTES = 24;
const DATA_WITHOUT_STREAM = frame(FRAME.DATA, 0, 0, Buffer.from('x'));

const text = (words: string): Buffer => Buffer.from(words, 'latin1');

function words1(): Words {
  return {
    head: text('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n'),
    first: text(BODY[0]),
    rest: text(BODY[1]),
    garbage: text('\u0001rubbish\r\n\r\n'),
  };
}

function words2(stream: number): Words {
  const fields = [
    [':status', '200'],
    ['content-length', '10'],
  ] as const;
  return {
    head: headers(stream, fields, false),
    first: data(stream, BODY[0], false),
    rest: data(stream, BODY[1], true),
    garbage: DATA_WITHOUT_STREAM,
  };
}

function wordsOfBytes(): Words {
  return { head: Buffer.alloc(0), first: text(BODY[0]), rest: text(BODY[1]), garbage: text('\u0001rubbish\r\n') };
}

/** Calls back for each request that comes over `socket`, with what answers it. */
function readRequests(protocol: Protocol, socket: net.Socket, onRequest: (words: Words) => void): void {
  if (protocol === 'tcp') {
    socket.once('data', () => onRequest(wordsOfBytes()));
    return;
  }
  if (protocol === 'h1') {
    let received = '';
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString('latin1');
      if (!received.includes('\r\n\r\n')) return;
      received = '';
      onRequest(words1());
    });
    return;
  }
  socket.write(SERVER_GREETING);
  const reader = new FrameReader({ onFields: (stream) => onRequest(words2(stream)), onFrame() {} });
  let preface = PREFACE_BYTES;
  socket.on('data', (bytes: Buffer) => {
    const rest = bytes.subarray(Math.min(preface, bytes.length));
    preface -= bytes.length - rest.length;
    if (rest.length > 0) reader.take(rest);
  });
}

/** TLS over a socket that was accepted; the socket itself stays at hand for what TLS has no word for. */
function secured(raw: net.Socket, keys: TestKeyPair, protocol: Protocol): tls.TLSSocket {
  const alpn = protocol === 'h2' ? { ALPNProtocols: ['h2'] } : {};
  return new tls.TLSSocket(raw, { isServer: true, cert: keys.certificateChain, key: keys.privateKey, ...alpn });
}

/** Serves each connection on a port of loopback. */
async function listen(serve: (raw: net.Socket) => void): Promise<FaultOrigin> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((raw) => {
    sockets.add(raw);
    raw.on('error', () => {});
    raw.once('close', () => sockets.delete(raw));
    serve(raw);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dropAll = (): void => sockets.forEach((socket) => socket.destroy());
  return {
    port: portOf(server),
    dropAll,
    async stop() {
      dropAll();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Starts one. `serve` is what it does with each request; `keys` are its certificate's where it speaks TLS. */
export async function startFaultOrigin(
  protocol: Protocol,
  keys: TestKeyPair | undefined,
  serve: (asked: Asked) => void,
): Promise<FaultOrigin> {
  return await listen((raw) => {
    const socket = keys === undefined ? raw : secured(raw, keys, protocol);
    socket.on('error', () => {});
    readRequests(protocol, socket, (words) => {
      serve({
        words,
        write: (bytes) => void (socket.writable && socket.write(bytes)),
        close: () => void socket.end(),
        reset: () => void raw.resetAndDestroy(),
      });
    });
  });
}

/** One that takes connections and says `greeting`, in no protocol; nothing where that is undefined. */
export async function startMuteOrigin(greeting: string | undefined): Promise<FaultOrigin> {
  return await listen((raw) => {
    raw.resume();
    if (greeting !== undefined) raw.write(greeting);
  });
}
