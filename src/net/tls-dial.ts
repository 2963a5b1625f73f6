/** Outgoing TLS: connects, shakes hands, and says how it went. Who the peer may be is the caller's to judge. */
import net from 'node:net';
import tls, { type SecureContext, type TLSSocket } from 'node:tls';
import type { Buffer } from 'node:buffer';
import { timerMs } from '../core/timer-limit.ts';
import type { NetAddress } from './address.ts';
import { type KeepAlive, setKeepAlive } from './keep-alive.ts';
import { localOf, remoteOf } from './socket-ends.ts';
import { describeTlsError } from './tls-error.ts';

export interface TlsDialOptions {
  readonly address: NetAddress;
  /** Source address to bind. */
  readonly bind: string | undefined;
  /** What is sent in the clear before the handshake, given both ends of the connection. */
  readonly preface?: ((local: NetAddress, remote: NetAddress) => Uint8Array) | undefined;
  readonly context: SecureContext;
  /** '' sends no name. */
  readonly serverName: string;
  /** Protocols to offer; empty offers none. */
  readonly alpn: readonly string[];
  /** A session of the same peer to resume. */
  readonly session: Buffer | undefined;
  /** For connecting and the handshake together, in milliseconds; 0 for none. */
  readonly timeoutMs: number;
  /** TCP keep-alive; undefined: none. */
  readonly keepAlive: KeepAlive | undefined;
}

export interface TlsDialHandlers {
  /** The handshake is done. `verifyError` is OpenSSL's verdict on the peer's chain; undefined where it holds. */
  onSecure(socket: TLSSocket, verifyError: string | undefined): void;
  /** No connection: `kind` says how far it came. */
  onFailure(kind: 'connect' | 'handshake' | 'timeout', reason: string): void;
  /** A session that may be resumed later; after `onSecure`, perhaps many times. */
  onSession(session: Buffer): void;
}

/** OpenSSL's verdict on the peer's chain (`CERT_HAS_EXPIRED`); undefined where it holds. */
function verifyErrorOf(socket: TLSSocket): string | undefined {
  if (socket.authorized) return undefined;
  const verdict: unknown = socket.authorizationError;
  return typeof verdict === 'string' ? verdict : 'not verified';
}

function codeOf(error: Error): string {
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' ? code : error.message;
}

/** Options that `tls.connect` hands to `net.connect`, which its types leave out. */
type ConnectOptions = tls.ConnectionOptions & { allowHalfOpen: boolean; localAddress?: string | undefined };

/** Where to connect to, and from. */
function ends({ address, bind }: TlsDialOptions): net.NetConnectOpts {
  const where = address.host.startsWith('/') ? { path: address.host } : { host: address.host, port: address.port };
  return { ...where, ...(bind === undefined ? {} : { localAddress: bind }), allowHalfOpen: true };
}

/** Begins to connect, or to shake hands over `socket`. */
function start(options: TlsDialOptions, socket?: net.Socket): TLSSocket {
  const connectOptions: ConnectOptions = {
    ...(socket === undefined ? ends(options) : { socket }),
    allowHalfOpen: true,
    secureContext: options.context,
    servername: options.serverName,
    ...(options.alpn.length === 0 ? {} : { ALPNProtocols: [...options.alpn] }),
    ...(options.session === undefined ? {} : { session: options.session }),
    // the caller judges, by names that Node knows nothing of
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  };
  return tls.connect(connectOptions);
}

/** Dials. Exactly one of `onSecure` and `onFailure` is called. */
export function dialTls(options: TlsDialOptions, handlers: TlsDialHandlers): void {
  if (options.preface === undefined) shake(options, handlers, start(options), false);
  else dialAfter(options.preface, options, handlers);
}

/** Connects and sends the preface before the handshake. */
function dialAfter(preface: NonNullable<TlsDialOptions['preface']>, options: TlsDialOptions, handlers: TlsDialHandlers): void {
  const startMs = performance.now();
  const raw = net.connect({ ...ends(options), noDelay: true });
  const fail = (kind: 'connect' | 'timeout', reason: string): void => {
    clearTimeout(timer);
    raw.destroy();
    handlers.onFailure(kind, reason);
  };
  const onError = (error: Error): void => fail('connect', codeOf(error));
  const timer =
    options.timeoutMs > 0 ? setTimeout(() => fail('timeout', 'connection timeout'), timerMs(Math.max(1, options.timeoutMs))) : undefined;
  raw.once('error', onError);
  raw.once('connect', () => {
    clearTimeout(timer);
    raw.off('error', onError);
    raw.write(preface(localOf(raw), remoteOf(raw)));
    const leftMs = options.timeoutMs > 0 ? Math.max(1, options.timeoutMs - (performance.now() - startMs)) : 0;
    shake({ ...options, timeoutMs: leftMs }, handlers, start(options, raw), true);
  });
}

function shake(options: TlsDialOptions, handlers: TlsDialHandlers, socket: TLSSocket, isOverSocket: boolean): void {
  let isConnected = isOverSocket;
  let isDone = false;
  const fail = (kind: 'connect' | 'handshake' | 'timeout', reason: string): void => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    socket.destroy();
    handlers.onFailure(kind, reason);
  };
  const timer =
    options.timeoutMs > 0 ? setTimeout(() => fail('timeout', 'connection timeout'), timerMs(Math.max(1, options.timeoutMs))) : undefined;
  const onError = (error: Error): void =>
    fail(isConnected ? 'handshake' : 'connect', isConnected ? describeTlsError(error) : codeOf(error));
  socket.setNoDelay(true);
  if (options.keepAlive !== undefined) setKeepAlive(socket, options.keepAlive);
  socket.once('connect', () => (isConnected = true));
  socket.on('error', onError);
  socket.once('close', () => fail(isConnected ? 'handshake' : 'connect', 'the peer closed the connection'));
  socket.on('session', (session) => handlers.onSession(session));
  socket.once('secureConnect', () => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    handlers.onSecure(socket, verifyErrorOf(socket));
  });
}
