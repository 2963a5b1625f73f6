/**
 * gRPC services over HTTP/2 on a Unix socket or TCP, plain or TLS. Which services, and what they answer, is the
 * caller's; this file owns sockets and their ends.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import http2 from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import path from 'node:path';
import { type SecureContextOptions, TLSSocket } from 'node:tls';
import { type ConnectRouter, createConnectRouter, createContextKey, createContextValues, type HandlerContext } from '@connectrpc/connect';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { type ByteMethod, serveBytes } from './grpc-bytes.ts';

/** Where to listen: a Unix socket (mode 0600), or an address with an optional certificate that may be replaced later. */
export type ListenAt = { readonly path: string } | { readonly host: string; readonly port: number; readonly tls?: SecureContextOptions };

/** Who called, as far as the connection says. */
export interface GrpcPeer {
  readonly transport: 'unix' | 'tcp' | 'tls';
  /** Remote address; '' on a Unix socket. */
  readonly address: string;
  /** Subject alternative names of the client's certificate where it was verified, as `URI:...`; else ''. */
  readonly subjectAltName: string;
}

export interface GrpcServer {
  /** The Unix socket's path, or `host:port` with the port that was given. */
  readonly address: string;
  readonly port: number;
  /** Serves new connections with another certificate. */
  setTls(tls: SecureContextOptions): void;
  /** Stops listening, and ends what is open. */
  close(): Promise<void>;
}

const NO_PEER: GrpcPeer = { transport: 'tcp', address: '', subjectAltName: '' };
const peerKey = createContextKey<GrpcPeer>(NO_PEER);

/** The caller of the RPC that `context` belongs to. */
export function peerOf(context: HandlerContext): GrpcPeer {
  return context.values.get(peerKey);
}

/** The bearer token of a call, or undefined where it carries none. */
export function bearerToken(context: HandlerContext): string | undefined {
  return /^Bearer (.+)$/i.exec(context.requestHeader.get('authorization') ?? '')?.[1];
}

function peerOfSocket(socket: Socket, isUnix: boolean): GrpcPeer {
  if (isUnix) return { transport: 'unix', address: '', subjectAltName: '' };
  const address = socket.remoteAddress ?? '';
  if (!(socket instanceof TLSSocket)) return { transport: 'tcp', address, subjectAltName: '' };
  const subjectAltName = socket.authorized ? (socket.getPeerX509Certificate()?.subjectAltName ?? '') : '';
  return { transport: 'tls', address, subjectAltName };
}

type Handler = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void;

/** Methods by path (`/package.Service/Method`) that deal in bytes. */
export type ByteMethods = ReadonlyMap<string, ByteMethod>;

/** Streams end all the time because clients go away; that is worth a line only when one looks for it. */
function createHandler(routes: (router: ConnectRouter) => void, methods: ByteMethods, log: Log, peers: WeakMap<object, GrpcPeer>): Handler {
  const router = createConnectRouter({ connect: false, grpcWeb: false, acceptCompression: [] });
  routes(router);
  const byPath = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const peerOfRequest = ({ stream: { session } }: http2.Http2ServerRequest): GrpcPeer => (session && peers.get(session)) ?? NO_PEER;
  return (request, response) => {
    const method = methods.get(request.url);
    if (method !== undefined) {
      serveBytes(request, response, peerOfRequest(request), method);
      return;
    }
    const handler = byPath.get(request.url);
    if (handler === undefined) {
      // https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md: UNIMPLEMENTED
      response.writeHead(200, { 'content-type': 'application/grpc', 'grpc-status': '12' });
      response.end();
      return;
    }
    const values = createContextValues().set(peerKey, peerOfRequest(request));
    handler(universalRequestFromNodeRequest(request, response, undefined, values))
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch((error: unknown) => log.debug('a gRPC stream ended', { method: request.url, error: messageOf(error) }));
  };
}

async function listen(server: Server, at: ListenAt): Promise<void> {
  if ('path' in at) {
    await mkdir(path.dirname(at.path), { recursive: true, mode: 0o700 });
    await rm(at.path, { force: true });
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen('path' in at ? { path: at.path } : { host: at.host, port: at.port }, resolve);
  await promise;
  server.off('error', reject);
  if ('path' in at) await chmod(at.path, 0o600);
}

type Http2Server = http2.Http2Server | http2.Http2SecureServer;

function createServer(at: ListenAt, handler: Handler): Http2Server {
  if (!('tls' in at) || at.tls === undefined) return http2.createServer(handler);
  // a client without a certificate may still come with a token, so the handshake does not decide
  return http2.createSecureServer({ ...at.tls, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' }, handler);
}

const NO_METHODS: ByteMethods = new Map();

/** Serves `routes`, and `methods` before them, at `at` until closed. Rejects where the address cannot be taken. */
export async function serveGrpc(
  at: ListenAt,
  routes: (router: ConnectRouter) => void,
  log: Log,
  methods: ByteMethods = NO_METHODS,
): Promise<GrpcServer> {
  const peers = new WeakMap<object, GrpcPeer>();
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = createServer(at, createHandler(routes, methods, log, peers));
  server.on('session', (session) => {
    sessions.add(session);
    const { socket } = session;
    if (socket !== undefined) peers.set(session, peerOfSocket(socket, 'path' in at));
    session.on('close', () => sessions.delete(session));
    session.on('error', (error) => log.debug('a gRPC connection failed', { error: error.message }));
  });
  server.on('connection', (socket: Socket) => socket.setKeepAlive(true, 30_000));
  await listen(server, at);
  const bound: AddressInfo | string | null = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
  return {
    address: 'path' in at ? at.path : `${at.host}:${port}`,
    port,
    setTls(tls) {
      if ('setSecureContext' in server) server.setSecureContext(tls);
    },
    async close() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      for (const session of sessions) session.destroy();
      await promise;
      if ('path' in at) await rm(at.path, { force: true });
    },
  };
}
