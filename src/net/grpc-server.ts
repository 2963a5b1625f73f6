/**
 * gRPC services over HTTP/2 on a Unix socket or TCP, plain or TLS. Which services, and what they answer, is the
 * caller's; this file owns sockets and their ends.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import tls, { type SecureContextOptions, type TLSSocket } from 'node:tls';
import { type ConnectRouter, createConnectRouter, createContextKey, createContextValues, type HandlerContext } from '@connectrpc/connect';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { IncomingRequest } from '../wire/http/message.ts';
import type { Http2Reader, Http2Stream } from '../wire/http2/types.ts';
import { acceptDucts, type Accepted, acceptedSocket } from './accept-ducts.ts';
import { type ByteMethod, serveBytes } from './grpc-bytes.ts';
import { GrpcCall } from './grpc-call.ts';
import { GrpcConnection } from './grpc-connection.ts';
import { serveUniversal } from './grpc-universal.ts';

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

function peerOfTls(socket: TLSSocket): GrpcPeer {
  const subjectAltName = socket.authorized ? (socket.getPeerX509Certificate()?.subjectAltName ?? '') : '';
  return { transport: 'tls', address: socket.remoteAddress ?? '', subjectAltName };
}

/** Methods by path (`/package.Service/Method`) that deal in bytes. */
export type ByteMethods = ReadonlyMap<string, ByteMethod>;

/** Serves one call, from its head on. */
type Handler = (call: GrpcCall, isEnd: boolean) => void;

// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md: UNIMPLEMENTED
const UNIMPLEMENTED = [
  ['content-type', 'application/grpc'],
  ['grpc-status', '12'],
] as const;

/** Streams end all the time because clients go away; that is worth a line only when one looks for it. */
function createHandler(routes: (router: ConnectRouter) => void, methods: ByteMethods, log: Log): Handler {
  const router = createConnectRouter({ connect: false, grpcWeb: false, acceptCompression: [] });
  routes(router);
  const byPath = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (call, isEnd) => {
    const method = methods.get(call.path);
    const handler = byPath.get(call.path);
    if (method !== undefined) serveBytes(call, isEnd, method);
    else if (handler === undefined) call.respond(200, UNIMPLEMENTED, true);
    else {
      serveUniversal(call, isEnd, handler, createContextValues().set(peerKey, call.peer)).catch((error: unknown) =>
        log.debug('a gRPC stream ended', { method: call.path, error: messageOf(error) }),
      );
    }
  };
}

/** The connections of a server. */
class Connections {
  readonly #handler: Handler;
  readonly #log: Log;
  readonly #open = new Set<GrpcConnection>();

  constructor(handler: Handler, log: Log) {
    this.#handler = handler;
    this.#log = log;
  }

  add(accepted: Accepted, peer: GrpcPeer): void {
    const connection: GrpcConnection = new GrpcConnection(accepted, {
      onRequest: (stream, head, isEnd) => this.#onRequest(connection, peer, stream, head, isEnd),
      onBug: (error) => this.#log.error('a gRPC connection is closed for a mistake of ours', { error: messageOf(error) }),
      onError: (error) => this.#log.debug('a gRPC connection failed', { error }),
      onClose: () => this.#open.delete(connection),
    });
    this.#open.add(connection);
  }

  closeAll(): void {
    for (const connection of this.#open) connection.destroy();
  }

  #onRequest(connection: GrpcConnection, peer: GrpcPeer, stream: Http2Stream, head: IncomingRequest, isEnd: boolean): Http2Reader {
    const call = new GrpcCall(stream, head, peer, () => connection.flush());
    this.#handler(call, isEnd);
    return call;
  }
}

/** `onListening` is called before the first connection is accepted. */
async function listen(server: net.Server, at: ListenAt, onListening: () => void): Promise<void> {
  if ('path' in at) {
    await mkdir(path.dirname(at.path), { recursive: true, mode: 0o700 });
    await rm(at.path, { force: true });
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // later too: running out of descriptors ends one accept, not the process
  server.on('error', reject);
  server.listen('path' in at ? { path: at.path } : { host: at.host, port: at.port }, () => {
    onListening();
    resolve();
  });
  await promise;
  if ('path' in at) await chmod(at.path, 0o600);
}

/** Keeps sockets of TLS alive, as `acceptDucts` does others. */
const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 30_000 };

function createTlsServer(options: SecureContextOptions, connections: Connections): tls.Server {
  // a client without a certificate may still come with a token, so the handshake does not decide
  const taken = { requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2', ALPNProtocols: ['h2'] } as const;
  const server = tls.createServer({ ...options, ...KEEP_ALIVE, ...taken, noDelay: true });
  server.on('secureConnection', (socket) => connections.add(acceptedSocket(socket), peerOfTls(socket)));
  return server;
}

function takePlain(server: net.Server, connections: Connections, isUnix: boolean): void {
  acceptDucts(server, (accepted) => {
    const peer: GrpcPeer = { transport: isUnix ? 'unix' : 'tcp', address: isUnix ? '' : accepted.remote.host, subjectAltName: '' };
    connections.add(accepted, peer);
  });
}

const NO_METHODS: ByteMethods = new Map();

/** Serves `routes`, and `methods` before them, at `at` until closed. Rejects where the address cannot be taken. */
export async function serveGrpc(
  at: ListenAt,
  routes: (router: ConnectRouter) => void,
  log: Log,
  methods: ByteMethods = NO_METHODS,
): Promise<GrpcServer> {
  const connections = new Connections(createHandler(routes, methods, log), log);
  const secure = 'tls' in at && at.tls !== undefined ? createTlsServer(at.tls, connections) : undefined;
  const server = secure ?? net.createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
  await listen(server, at, () => {
    if (secure === undefined) takePlain(server, connections, 'path' in at);
  });
  const bound: AddressInfo | string | null = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
  return {
    address: 'path' in at ? at.path : `${at.host}:${port}`,
    port,
    setTls: (options) => secure?.setSecureContext(options),
    async close() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      connections.closeAll();
      await promise;
      if ('path' in at) await rm(at.path, { force: true });
    },
  };
}
