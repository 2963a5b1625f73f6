/**
 * gRPC calls over one HTTP/2 connection each, to a Unix socket or over TCP, plain or TLS. The services are handed in
 * as descriptors, so that this file knows how to carry messages and not which.
 *
 * Nothing is retried here: whoever opened a stream decides when to open the next one.
 */
import net from 'node:net';
import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { createMessageQueue } from './grpc-queue.ts';

/** How a client checks the server, and shows itself, in PEM. */
export interface GrpcTls {
  /** Roots that the server's certificate must lead to. */
  readonly ca: string;
  /** Name that the certificate must carry; absent: the target's host. */
  readonly serverName?: string;
  readonly certificate?: string;
  readonly privateKey?: string;
}

/** Where a gRPC server listens. */
export type GrpcTarget = { readonly path: string } | { readonly host: string; readonly port: number; readonly tls?: GrpcTls };

export interface GrpcOptions {
  /** Bearer token, read anew for every call; undefined: none. */
  readonly token?: (() => string | undefined) | undefined;
  /** Largest message taken from the server, in bytes. Default 256 MiB. */
  readonly maxMessageBytes?: number;
  /** Quiet time after which a PING asks whether the server is alive. Default 20 s. */
  readonly pingIntervalMs?: number;
  /** A server that does not answer it for so long is dead. Default 10 s. */
  readonly pingTimeoutMs?: number;
  /** Called when the server speaks HTTP/2 with us; answers to calls may be long in coming. */
  readonly onConnected?: () => void;
}

/** An open bidirectional stream. */
export interface GrpcStream<Request, Response> {
  /** Queues a message; messages after `end` or `abort` are dropped. */
  send(request: Request): void;
  /** Messages queued that are not on their way yet: a server that is slow has us wait. */
  readonly waiting: number;
  /** The server's messages. Ends when the server ends the stream; throws where it fails (`grpcError` tells why). */
  readonly responses: AsyncIterable<Response>;
  /** Says that no more requests follow: an orderly goodbye. */
  end(): void;
  /** Drops the stream and its connection at once. */
  abort(): void;
}

const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

function baseUrl(target: GrpcTarget): string {
  if ('path' in target) return 'http://localhost';
  const host = net.isIPv6(target.host) ? `[${target.host}]` : target.host;
  return `${target.tls === undefined ? 'http' : 'https'}://${host}:${target.port}`;
}

function connectOptions(target: GrpcTarget): object {
  if ('path' in target) return { createConnection: () => net.connect(target.path) };
  if (target.tls === undefined) return {};
  const { ca, serverName, certificate, privateKey } = target.tls;
  return {
    ca,
    minVersion: 'TLSv1.2',
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(privateKey === undefined ? {} : { key: privateKey }),
  };
}

interface Connection {
  readonly transport: Transport;
  close(): void;
}

/**
 * Sessions whose errors nobody else may hear of: the library stops listening when a session is given up, and the error
 * of one that it has just destroyed (a PING without an answer) comes after that. Unheard it would end the process.
 */
class Sessions extends Http2SessionManager {
  readonly #heard = new WeakSet<object>();
  onConnected: (() => void) | undefined;

  override async request(...args: Parameters<Http2SessionManager['request']>): ReturnType<Http2SessionManager['request']> {
    const stream = await super.request(...args);
    const { session } = stream;
    if (session !== undefined && !this.#heard.has(session)) {
      this.#heard.add(session);
      // its streams have failed, and tell why
      session.on('error', () => {});
      // what accepts connections may be no server; one that has taken our settings is
      if (session.pendingSettingsAck) session.once('localSettings', () => this.onConnected?.());
      else this.onConnected?.();
    }
    return stream;
  }
}

function connect(target: GrpcTarget, options: GrpcOptions): Connection {
  const url = baseUrl(target);
  const { pingIntervalMs = 20_000, pingTimeoutMs = 10_000 } = options;
  const sessionManager = new Sessions(url, { pingIntervalMs, pingTimeoutMs }, connectOptions(target));
  sessionManager.onConnected = options.onConnected;
  const transport = createGrpcTransport({
    baseUrl: url,
    sessionManager,
    acceptCompression: [],
    readMaxBytes: options.maxMessageBytes ?? MAX_MESSAGE_BYTES,
  });
  return { transport, close: () => sessionManager.abort() };
}

function headers(options: GrpcOptions): Record<string, string> {
  const token = options.token?.();
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** A connection that carries several streams. */
export interface GrpcChannel {
  /** Opens one of requests. Returns at once; a failure to connect is thrown by `responses`. */
  open<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O> | DescMethodClientStreaming<I, O>,
  ): GrpcStream<MessageInitShape<I>, MessageShape<O>>;
  /** Drops the connection, and all streams with it. */
  close(): void;
}

/** Opens a stream; `onStop` runs when it is over. */
function streamOn<I extends DescMessage, O extends DescMessage>(
  { transport }: Connection,
  method: DescMethodBiDiStreaming<I, O> | DescMethodClientStreaming<I, O>,
  options: GrpcOptions,
  onStop: () => void,
): GrpcStream<MessageInitShape<I>, MessageShape<O>> {
  const requests = createMessageQueue<MessageInitShape<I>>();
  const aborted = new AbortController();
  const stop = (): void => {
    requests.close();
    aborted.abort();
    onStop();
  };
  async function* read(): AsyncGenerator<MessageShape<O>> {
    try {
      const answer = await transport.stream(method, aborted.signal, undefined, headers(options), requests);
      yield* answer.message;
    } finally {
      stop();
    }
  }
  return {
    send: (request) => requests.push(request),
    get waiting() {
      return requests.size;
    },
    responses: read(),
    end: () => requests.close(),
    abort: stop,
  };
}

/** Prepares a connection, which is made with its first stream. */
export function openChannel(target: GrpcTarget, options: GrpcOptions = {}): GrpcChannel {
  const connection = connect(target, options);
  return { open: (method) => streamOn(connection, method, options, () => undefined), close: () => connection.close() };
}

/**
 * Opens a stream of requests on a connection of its own. Returns at once; a failure to connect is thrown by
 * `responses`.
 */
export function openStream<I extends DescMessage, O extends DescMessage>(
  target: GrpcTarget,
  method: DescMethodBiDiStreaming<I, O> | DescMethodClientStreaming<I, O>,
  options: GrpcOptions = {},
): GrpcStream<MessageInitShape<I>, MessageShape<O>> {
  const connection = connect(target, options);
  return streamOn(connection, method, options, () => connection.close());
}

/** One call on a connection of its own. Rejects with what `grpcError` reads. `timeoutMs` bounds the whole. */
export async function callUnary<I extends DescMessage, O extends DescMessage>(
  target: GrpcTarget,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  options: GrpcOptions & { readonly timeoutMs: number },
): Promise<MessageShape<O>> {
  const connection = connect(target, options);
  try {
    const answer = await connection.transport.unary(method, undefined, options.timeoutMs, headers(options), request);
    return answer.message;
  } finally {
    connection.close();
  }
}

/** What a failed call means: the server refused who we are (asking again the same way is useless), or anything else. */
export function grpcError(error: unknown): { readonly isRefused: boolean; readonly message: string } {
  const known = ConnectError.from(error);
  const isRefused = known.code === Code.Unauthenticated || known.code === Code.PermissionDenied || known.code === Code.InvalidArgument;
  return { isRefused, message: known.message };
}
