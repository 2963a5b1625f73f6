/**
 * A small HTTP/1.1 server for answers that are ready at once, over the proxy's own codec: node:http would cost every
 * proxy some MiB. Bodies of requests are read and dropped.
 */
import net from 'node:net';
import { createRequestDecoder } from '../../wire/http1/decoder.ts';
import { CONTINUE_TEXT, responseHeadText } from '../../wire/http1/encode.ts';
import type { Http1Request } from '../../wire/http1/head.ts';
import { HeaderBlock } from '../../wire/http/headers.ts';

/** How long a connection may be silent, in milliseconds. */
const IDLE_MS = 5_000;

interface HttpAnswer {
  readonly status: number;
  /** Value of Content-Type. */
  readonly type: string;
  readonly body: string;
}

/** Answers a request, at once or later; a promise must not reject. */
export type Answer = (request: Http1Request) => HttpAnswer | Promise<HttpAnswer>;

export interface HttpServer {
  readonly server: net.Server;
  /** Ends at once, open connections included. */
  readonly close: () => Promise<void>;
}

function write(socket: net.Socket, answer: HttpAnswer, isHead: boolean, isPersistent: boolean): void {
  const body = Buffer.from(answer.body);
  const headers = new HeaderBlock();
  headers.add('content-type', answer.type);
  headers.add('content-length', String(body.length));
  headers.add('cache-control', 'no-cache, max-age=0');
  headers.add('x-content-type-options', 'nosniff');
  const head = Buffer.from(responseHeadText(answer.status, headers, false, isPersistent ? '' : 'close', ''), 'latin1');
  socket.write(isHead ? head : Buffer.concat([head, body]));
  if (!isPersistent) socket.end();
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
  /** Bytes that came while an answer was waited for. */
  let backlog: Buffer | undefined;
  const feed = (bytes: Buffer): void => {
    let at = 0;
    while (at < bytes.length && socket.writable) {
      at = decoder.feed(bytes, at);
      if (decoder.error !== undefined) {
        write(socket, { status: decoder.error.status, type: 'text/plain', body: `${decoder.error.message}\n` }, false, false);
        return;
      }
      if (!decoder.isDone || request === undefined) continue;
      const { method, isPersistent } = request;
      const answered = answer(request);
      decoder.next();
      if (!(answered instanceof Promise)) {
        write(socket, answered, method === 'HEAD', isPersistent);
        continue;
      }
      backlog = bytes.subarray(at);
      void answered.then((late) => {
        const rest = backlog;
        backlog = undefined;
        if (!socket.writable) return;
        write(socket, late, method === 'HEAD', isPersistent);
        if (rest !== undefined) feed(rest);
      });
      return;
    }
  };
  socket.on('data', (bytes: Buffer) => {
    if (backlog === undefined) feed(bytes);
    else backlog = Buffer.concat([backlog, bytes]);
  });
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
