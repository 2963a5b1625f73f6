/**
 * An origin of HTTP/1.1 and HTTP/2 that does what a request's path says. Node's servers.
 *
 * | path | |
 * |---|---|
 * | `/echo` | gives the body back as it comes, with its length (if it had one) and its trailers |
 * | `/status/<code>` | that status, and no body |
 * | `/hints` | 103, then 200 |
 * | `/early` | answers without reading the body |
 * | `/cut` | begins a body of which it breaks off the rest |
 * | `/hold` | never answers |
 */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type net from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { portOf } from '../../src/net/testing/port-of.ts';
import type { TestKeyPair } from '../../src/net/testing/certificates.ts';
import { type Lifetime } from './static-proxy.ts';
import type { Fields, Version } from './http-client.ts';

/** What requests of either version have, as far as it is used here. */
interface Incoming extends Readable {
  readonly url?: string | undefined;
  readonly method?: string | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly trailers: NodeJS.Dict<string>;
}

interface Outgoing extends Writable {
  writeHead(status: number, fields: Fields): unknown;
  writeEarlyHints(hints: Record<string, string | string[]>): unknown;
  addTrailers(trailers: Record<string, string>): unknown;
}

/** How a request has ended: `cut` where the rest of it never came. */
type End = 'open' | 'whole' | 'cut';

export interface HttpOrigin {
  readonly port: number;
  /** The last request of that path. */
  end(path: string): End | undefined;
}

function echo(request: Incoming, response: Outgoing): void {
  const length = request.headers['content-length'];
  response.writeHead(200, { 'x-length': length ?? 'unknown', ...(length === undefined ? {} : { 'content-length': length }) });
  request.on('end', () => {
    const trailers = Object.entries(request.trailers).map(([name, value = '']) => [name, value]);
    response.addTrailers(Object.fromEntries(trailers));
  });
  request.pipe(response);
}

function cut(response: Outgoing): void {
  response.writeHead(200, { 'content-length': '1000' });
  response.write('a piece');
  // what was written is passed on before the end
  setTimeout(() => response.destroy(new Error('cut')), 50);
}

function serve(request: Incoming, response: Outgoing): void {
  request.on('error', () => {});
  response.on('error', () => {});
  const { pathname } = new URL(request.url ?? '/', 'http://origin');
  const status = /^\/status\/(\d+)$/.exec(pathname)?.[1];
  if (status !== undefined) {
    response.writeHead(Number(status), { 'x-status': status });
    response.end();
  } else if (pathname === '/hints') {
    response.writeEarlyHints({ link: '</a>; rel=preload' });
    response.writeHead(200, {});
    response.end('hinted');
  } else if (pathname === '/early') {
    response.writeHead(413, { 'content-length': '8' });
    response.end('too much');
  } else if (pathname === '/cut') cut(response);
  else if (pathname !== '/hold') echo(request, response);
  else request.resume();
}

/** Notes how a request ends. */
function watch(request: Incoming, ends: Map<string, End>): void {
  const path = request.url ?? '';
  let isWhole = false;
  ends.set(path, 'open');
  request.once('end', () => (isWhole = true));
  request.once('close', () => ends.set(path, isWhole ? 'whole' : 'cut'));
}

/** Gives back what comes through an upgrade, or through an extended CONNECT. */
function tunnel(server: http.Server | http2.Http2Server): void {
  server.on('upgrade', (_request: http.IncomingMessage, socket: net.Socket) => {
    socket.on('error', () => socket.destroy());
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    socket.pipe(socket);
  });
  server.on('connect', (_request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => {
    response.stream.on('error', () => {});
    response.stream.respond({ ':status': 200 });
    response.stream.pipe(response.stream);
  });
}

function createServer(version: Version, key: TestKeyPair | undefined): http.Server | http2.Http2Server {
  const settings = { enableConnectProtocol: true };
  if (key === undefined) return version === 'h1' ? http.createServer({ keepAliveTimeout: 0 }) : http2.createServer({ settings });
  const secret = { cert: key.certificateChain, key: key.privateKey };
  return version === 'h1' ? https.createServer(secret) : http2.createSecureServer({ ...secret, settings });
}

/** Starts one; it closes with `t`. Over TLS where there is a `key`. */
export async function startHttpOrigin(t: Lifetime, version: Version, key: TestKeyPair | undefined): Promise<HttpOrigin> {
  const ends = new Map<string, End>();
  const server = createServer(version, key);
  const open = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => open.add(socket.once('close', () => open.delete(socket))));
  server.on('request', (request: Incoming, response: Outgoing) => {
    watch(request, ends);
    serve(request, response);
  });
  tunnel(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { port: portOf(server), end: (path) => ends.get(path) };
}
