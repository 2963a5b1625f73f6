import assert from 'node:assert/strict';
import net from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { portOf } from '../../net/testing/port-of.ts';
import type { Http1Request } from '../../wire/http1/head.ts';
import { type Answer, createHttpServer, type HttpAnswer } from './http-server.ts';

/** A client of a server that answers so, and the server's side of the connection. */
async function connect(t: TestContext, answer: Answer): Promise<{ readonly client: net.Socket; readonly accepted: Promise<net.Socket> }> {
  const { server, close } = createHttpServer(answer);
  t.after(close);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
  return { client: net.connect({ port: portOf(server), host: '127.0.0.1', noDelay: true }), accepted };
}

const echo = ({ method, path }: Http1Request): HttpAnswer => ({ status: 200, type: 'text/plain', body: `${method} ${path} ü` });

/** Sends `pieces`, one a write, and gives all that comes back until the server ends. */
async function exchange(t: TestContext, ...pieces: readonly string[]): Promise<string> {
  const { client: socket } = await connect(t, echo);
  let got = '';
  socket.setEncoding('utf8').on('data', (text) => (got += String(text)));
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
  await new Promise((resolve) => socket.once('close', resolve));
  return got;
}

const CASES = [
  {
    name: 'one request',
    pieces: ['GET /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'],
    want: /^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain\r\ncontent-length: 9\r\n[^]*connection: close\r\n\r\nGET \/a ü$/,
  },
  {
    name: 'two in one write, the first with a body',
    pieces: ['POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'],
    want: /POST \/a üHTTP\/1\.1 200 [^]*GET \/b ü$/,
  },
  {
    name: 'one in pieces',
    pieces: ['GET /a HT', 'TP/1.1\r\nhost: x\r\nconnec', 'tion: close\r\n\r\n'],
    want: /GET \/a ü$/,
  },
  {
    name: 'HEAD has the length and no body',
    pieces: ['HEAD /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'],
    want: /content-length: 10\r\n[^]*\r\n\r\n$/,
  },
  { name: 'HTTP/1.0 without Host ends by itself', pieces: ['GET /a HTTP/1.0\r\n\r\n'], want: /GET \/a ü$/ },
  {
    name: '100 Continue where it is awaited',
    pieces: ['POST /a HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: 1\r\n\r\n', 'x'],
    want: /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /,
  },
  { name: 'what is no HTTP is refused', pieces: ['hello\r\n\r\n'], want: /^HTTP\/1\.1 400 Bad Request\r\n[^]*connection: close/ },
] as const;

for (const { name, pieces, want } of CASES) {
  test(name, async (t) => assert.match(await exchange(t, ...pieces), want));
}

test('what comes while an answer is awaited waits at the client', async (t) => {
  const late = Promise.withResolvers<void>();
  const { client: socket, accepted } = await connect(t, async (request) => {
    if (request.path === '/late') await late.promise;
    return echo(request);
  });
  let got = '';
  socket.setEncoding('utf8').on('data', (text) => (got += String(text)));
  const ended = new Promise((resolve) => socket.once('close', resolve));
  const size = 32 * 1024 * 1024;
  socket.write(`GET /late HTTP/1.1\r\nhost: x\r\n\r\nPOST /long HTTP/1.1\r\nhost: x\r\ncontent-length: ${size}\r\n\r\n`);
  socket.write(Buffer.alloc(size));
  socket.write('GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  await delay(300);
  assert.ok((await accepted).bytesRead < size / 16);
  late.resolve();
  await ended;
  assert.match(got, /GET \/late ü[^]*POST \/long ü[^]*GET \/last ü$/);
});
