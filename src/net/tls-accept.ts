/**
 * Incoming TLS over sockets that somebody else accepted, so that their first bytes could be looked at before. A
 * `tls.Server` that never listens does the handshakes: it is the public way to learn OpenSSL's verdict on a client's
 * certificate.
 */
import type { Socket } from 'node:net';
import tls, { type SecureContextOptions, type TLSSocket } from 'node:tls';
import { describeTlsError, verifyErrorOf } from './tls-dial.ts';

export interface TlsAcceptOptions {
  readonly context: SecureContextOptions;
  /** Protocols to choose from, in our order; empty answers none, whatever the client offers. */
  readonly alpn: readonly string[];
  readonly asksCertificate: boolean;
  /** Time for the handshake in milliseconds. */
  readonly timeoutMs: number;
  /** Life of sessions in seconds; undefined for OpenSSL's. */
  readonly sessionTimeoutS: number | undefined;
}

interface TlsAcceptHandlers {
  /** The handshake is done. `verifyError` is OpenSSL's verdict on the client's chain; undefined where it holds or none was asked for. */
  onSecure(socket: TLSSocket, verifyError: string | undefined): void;
  onFailure(reason: string): void;
}

/** Takes sockets over, one after the other. */
export interface TlsAcceptor {
  /** `socket` must be paused; bytes already read from it must have been put back by `unshift`. */
  accept(socket: Socket, handlers: TlsAcceptHandlers): void;
}

/** A connection by both its ends: what raw socket and TLS socket have in common without undocumented fields. */
function keyOf(socket: Socket): string {
  return `${socket.remoteAddress}|${socket.remotePort}|${socket.localAddress}|${socket.localPort}`;
}

/** Prepares handshakes with one context. Throws Error where the context cannot be made. */
export function createTlsAcceptor(options: TlsAcceptOptions): TlsAcceptor {
  const waiting = new Map<string, TlsAcceptHandlers>();
  const server = tls.createServer({
    ...options.context,
    ...(options.alpn.length === 0 ? {} : { ALPNProtocols: [...options.alpn] }),
    requestCert: options.asksCertificate,
    rejectUnauthorized: false,
    handshakeTimeout: options.timeoutMs,
    allowHalfOpen: true,
    ...(options.sessionTimeoutS === undefined ? {} : { sessionTimeout: options.sessionTimeoutS }),
  });
  const take = (socket: Socket): TlsAcceptHandlers | undefined => {
    const key = keyOf(socket);
    const handlers = waiting.get(key);
    waiting.delete(key);
    return handlers;
  };
  server.on('secureConnection', (socket) => {
    take(socket)?.onSecure(socket, options.asksCertificate ? verifyErrorOf(socket) : undefined);
  });
  server.on('tlsClientError', (error, socket) => {
    take(socket)?.onFailure(describeTlsError(error));
    socket.destroy();
  });
  return {
    accept(socket, handlers) {
      const key = keyOf(socket);
      waiting.set(key, handlers);
      socket.once('close', () => {
        if (waiting.get(key) !== handlers) return;
        waiting.delete(key);
        handlers.onFailure('the client closed the connection');
      });
      server.emit('connection', socket);
    },
  };
}
