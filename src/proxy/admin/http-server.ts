/**
 * A small HTTP/1.1 server for answers that are ready at once, over the proxy's own codec: node:http would cost every
 * proxy some MiB. Bodies of requests are read and dropped.
 */
import net from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { createRequestDecoder } from '../../wire/http1/decoder.ts';
import { CONTINUE_TEXT, responseHeadText } from '../../wire/http1/encode.ts';
import type { Http1Request } from '../../wire/http1/head.ts';
import { HeaderBlock } from '../../wire/http/headers.ts';

/** How long a connection may be silent, in milliseconds. */
const IDLE_MS = 5_000;

export interface HttpAnswer {
  readonly status: number;
  /** Value of Content-Type. */
  readonly type: string;
  /** Pieces where it may be long: others have their turn between them. */
  readonly body: string | Iterable<string>;
}

/** Answers a request, at once or later; a promise must not reject. */
export type Answer = (request: Http1Request) => HttpAnswer | Promise<HttpAnswer>;

export interface HttpServer {
  readonly server: net.Server;
  /** Ends at once, open connections included. */
  readonly close: () => Promise<void>;
}

function headOf({ status, type }: HttpAnswer, length: number | undefined, isPersistent: boolean): Buffer {
  const headers = new HeaderBlock();
  headers.add('content-type', type);
  if (length !== undefined) headers.add('content-length', String(length));
  headers.add('cache-control', 'no-cache, max-age=0');
  headers.add('x-content-type-options', 'nosniff');
  return Buffer.from(responseHeadText(status, headers, length === undefined, isPersistent ? '' : 'close', ''), 'latin1');
}

/** Resolves when there is room again, or nobody reads any more. */
function whenFlowing(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      socket.off('drain', go).off('close', go);
      resolve();
    };
    socket.on('drain', go).on('close', go);
  });
}

/** Writes pieces as chunks, each when the one before has gone. */
async function writePieces(socket: net.Socket, pieces: Iterable<string>): Promise<void> {
  for (const piece of pieces) {
    if (piece === '') continue;
    const bytes = Buffer.from(piece);
    socket.cork();
    socket.write(`${bytes.length.toString(16)}\r\n`);
    socket.write(bytes);
    const isFlowing = socket.write('\r\n');
    socket.uncork();
    if (isFlowing) await setImmediate();
    else await whenFlowing(socket);
    if (!socket.writable) return;
  }
  socket.write('0\r\n\r\n');
}

/** Writes an answer; a promise where that takes longer. */
function write(socket: net.Socket, answer: HttpAnswer, request: Pick<Http1Request, 'method' | 'isPersistent'>): void | Promise<void> {
  const { body } = answer;
  const { isPersistent } = request;
  const isHead = request.method === 'HEAD';
  const finish = (): void => {
    if (!isPersistent) socket.end();
  };
  if (typeof body !== 'string') {
    socket.write(headOf(answer, undefined, isPersistent));
    if (!isHead) return writePieces(socket, body).then(finish);
    return finish();
  }
  const bytes = Buffer.from(body);
  const head = headOf(answer, bytes.length, isPersistent);
  socket.write(isHead ? head : Buffer.concat([head, bytes]));
  return finish();
}

function serve(socket: net.Socket, answer: Answer): void {
  let request: Http1Request | undefined;
  const decoder = createRequestDecoder({
    onHead(head) {
      request = head;
      if (head.expectsContinue) socket.write(CONTINUE_TEXT);
    },
    onBody() {},
    onEnd() {},
  });
  const feed = (bytes: Buffer): void => {
    let at = 0;
    while (at < bytes.length && socket.writable) {
      at = decoder.feed(bytes, at);
      if (decoder.error !== undefined) {
        const { status, message } = decoder.error;
        void write(socket, { status, type: 'text/plain', body: `${message}\n` }, { method: 'GET', isPersistent: false });
        return;
      }
      if (!decoder.isDone || request === undefined) continue;
      const asked = request;
      const answered = answer(asked);
      decoder.next();
      const written = answered instanceof Promise ? answered.then((late) => write(socket, late, asked)) : write(socket, answered, asked);
      if (!(written instanceof Promise)) continue;
      // what the client sends meanwhile waits in the kernel: there is no bound to it
      socket.pause();
      const rest = bytes.subarray(at);
      void written.then(() => {
        socket.resume();
        feed(rest);
      });
      return;
    }
  };
  socket.on('data', feed);
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  // the client has gone: there is nobody to tell
  socket.on('error', () => socket.destroy());
}

/** A server that answers each request by `answer`; it does not listen yet. */
export function createHttpServer(answer: Answer): HttpServer {
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    serve(socket, answer);
  });
  return {
    server,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
