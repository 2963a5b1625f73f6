/**
 * Incoming TLS over sockets that somebody else accepted, so that their first bytes could be looked at before. The handshake
 * is done by a `TLSSocket` of its own rather than a `tls.Server`: only so is a client that must show a certificate, and has
 * none, told so by an alert, while other certificates are still ours to judge. Four members of it that Node does not
 * document are used, as `tls.Server` uses them: the events `secure` and `_tlsError`, `verifyError` and `_releaseControl`.
 */
import type { Socket } from 'node:net';
import tls, { type SecureContext, type SecureContextOptions, TLSSocket } from 'node:tls';
import { describeTlsError } from './tls-error.ts';

/** What a handshake goes by. */
export interface TlsAcceptOptions {
  readonly context: SecureContext;
  /** Protocols to choose from, in our order; empty answers none, whatever the client offers. */
  readonly alpn: readonly string[];
  readonly asksCertificate: boolean;
  /** A client without a certificate gets an alert instead of a connection. */
  readonly requiresCertificate: boolean;
  /** Time for the handshake in milliseconds. */
  readonly timeoutMs: number;
  /** Made by `createStapler`, where the client asks for a staple and there is one. */
  readonly stapler: tls.Server | undefined;
}

export interface TlsAcceptHandlers {
  /** The handshake is done. `verifyError` is OpenSSL's verdict on the client's chain; undefined where it holds or none was asked for. */
  onSecure(socket: TLSSocket, verifyError: string | undefined): void;
  onFailure(reason: string): void;
}

/** What gives a stapled OCSP response (DER) in handshakes: Node asks a server for it, one that never listens. */
export function createStapler(context: SecureContextOptions, response: Uint8Array): tls.Server {
  const bytes = Buffer.from(response);
  const server = tls.createServer(context);
  server.on('OCSPRequest', (_certificate: Buffer, _issuer: Buffer, respond: (error: Error | null, bytes: Buffer) => void) => {
    // eslint-disable-next-line unicorn/no-null -- Node's way to say that there is no error
    respond(null, bytes);
  });
  return server;
}

/** The reason that OpenSSL gives for a failure of Node's own making. */
function describe(error: Error): string {
  const text = describeTlsError(error);
  return text.startsWith('TLS_HANDSHAKE_TIMEOUT') ? 'handshake timeout' : text;
}

/** OpenSSL's verdict on the peer's chain (`CERT_HAS_EXPIRED`), which `tls.Server` would put into `authorizationError`. */
function verdictOf(socket: TLSSocket): string | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const verify: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'verifyError') : undefined;
  if (typeof verify !== 'function') return 'not verified';
  const error: unknown = Reflect.apply(verify, handle, []);
  if (!(error instanceof Error)) return undefined;
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' ? code : error.message;
}

/** From now on errors of the connection are its own, no more those of its handshake. */
function releaseControl(socket: TLSSocket): void {
  const release: unknown = Reflect.get(socket, '_releaseControl');
  if (typeof release === 'function') Reflect.apply(release, socket, []);
}

/**
 * Shakes hands over a socket, which must be paused; bytes already read from it must have been put back by `unshift`. One of
 * the handlers is called, once.
 */
export function acceptTls(socket: Socket, options: TlsAcceptOptions, handlers: TlsAcceptHandlers): void {
  // documented for servers only, and obeyed by sockets
  const socketOptions: tls.TLSSocketOptions & { handshakeTimeout: number } = {
    isServer: true,
    secureContext: options.context,
    requestCert: options.asksCertificate,
    rejectUnauthorized: options.requiresCertificate,
    ...(options.alpn.length === 0 ? {} : { ALPNProtocols: [...options.alpn] }),
    ...(options.stapler === undefined ? {} : { server: options.stapler }),
    handshakeTimeout: options.timeoutMs,
  };
  const secured = new TLSSocket(socket, socketOptions);
  let isDone = false;
  const finish = (): void => {
    isDone = true;
    for (const event of ['error', '_tlsError']) secured.off(event, onError);
    secured.off('close', onClose);
    secured.off('secure', onSecure);
  };
  const fail = (reason: string): void => {
    if (isDone) return;
    finish();
    // it may have another error to tell on its way out
    secured.on('error', () => undefined);
    secured.destroy();
    handlers.onFailure(reason);
  };
  const onError = (error: Error): void => fail(describe(error));
  const onClose = (): void => fail('the client closed the connection');
  const onSecure = (): void => {
    finish();
    releaseControl(secured);
    handlers.onSecure(secured, options.asksCertificate ? verdictOf(secured) : undefined);
  };
  secured.on('error', onError).on('_tlsError', onError).on('close', onClose).on('secure', onSecure);
}

const HANDSHAKE_FAILURE = Buffer.of(21, 3, 1, 0, 2, 2, 40);

/** Refuses a client before a handshake has begun: the fatal alert handshake_failure (RFC 8446 section 6.2), and the end. */
export function refuseTls(socket: Socket): void {
  socket.on('error', () => undefined);
  socket.end(HANDSHAKE_FAILURE);
  socket.destroySoon();
}
