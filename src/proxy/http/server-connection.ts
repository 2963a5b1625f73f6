/** Which version of HTTP a downstream connection speaks: as configured, by ALPN, or by its first bytes. */
import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import { ConnectionLife, type LifeOwner } from './connection-life.ts';
import type { HcmRuntime } from './hcm-runtime.ts';
import { Http1Server } from './http1-server.ts';
import { Http2Server } from './http2-server.ts';

/** What HTTP/2 begins with, as far as Envoy looks (RFC 9113 section 3.4 has the rest, which the codec checks). */
const PREFACE = Buffer.from('PRI * HTTP/2');

/** Serves HTTP on a connection for as long as it lives. */
export function serveHttp(connection: Connection, downstream: DownstreamConnection, runtime: HcmRuntime): void {
  const life = new ConnectionLife(downstream, runtime);
  const codec = runtime.config.codec === 'auto' ? codecByAlpn(downstream.tls?.alpn ?? '') : runtime.config.codec;
  // Whoever it is, the connection keeps it alive: it reads from it.
  if (codec === 'http1') void new Http1Server(connection, life, runtime);
  else if (codec === 'http2') void new Http2Server(connection, life, runtime);
  else void new UnknownServer(connection, life, runtime);
}

function codecByAlpn(alpn: string): 'http1' | 'http2' | undefined {
  if (alpn === 'h2') return 'http2';
  return alpn.startsWith('http/') ? 'http1' : undefined;
}

/** Reads the first bytes, and leaves the connection to who understands them. */
class UnknownServer implements ConnectionHandlers, LifeOwner {
  readonly #connection: Connection;
  readonly #life: ConnectionLife;
  readonly #runtime: HcmRuntime;
  #first: Buffer | undefined = undefined;

  constructor(connection: Connection, life: ConnectionLife, runtime: HcmRuntime) {
    this.#connection = connection;
    this.#life = life;
    this.#runtime = runtime;
    life.owner = this;
    connection.read(this);
  }

  onData(bytes: Uint8Array): void {
    const first = this.#first === undefined ? bytes : Buffer.concat([this.#first, bytes]);
    const length = Math.min(first.length, PREFACE.length);
    const isHttp2 = PREFACE.compare(first, 0, length, 0, length) === 0;
    if (isHttp2 && length < PREFACE.length) {
      this.#first = Buffer.from(first);
      return;
    }
    const Server = isHttp2 ? Http2Server : Http1Server;
    new Server(this.#connection, this.#life, this.#runtime).onData(first);
  }

  onEnd(): void {
    this.#life.hasPeerEnded = true;
    this.#connection.destroy();
  }

  onDrain(): void {}

  onClose(error: string | undefined): void {
    this.#life.closed(0, error);
  }

  onIdle(): void {
    this.#connection.destroy();
  }

  onExpired(): void {
    this.#connection.destroy();
  }
}
