import assert from 'node:assert/strict';
import net from 'node:net';
import { test, type TestContext } from 'node:test';
import { createHttpServer } from './http-server.ts';

/** Sends `pieces`, one a write, and gives all that comes back until the server ends. */
async function exchange(t: TestContext, ...pieces: readonly string[]): Promise<string> {
  const { server, close } = createHttpServer(({ method, path }) => ({ status: 200, type: 'text/plain', body: `${method} ${path} ü` }));
  t.after(close);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const socket = net.connect({ port: address.port, host: '127.0.0.1', noDelay: true });
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
