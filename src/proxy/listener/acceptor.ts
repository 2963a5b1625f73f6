import { rm } from 'node:fs/promises';
import net from 'node:net';
import { ConfigError } from '../../core/errors.ts';
import { formatAddress, type NetAddress } from '../../net/address.ts';

/** What takes accepted sockets, paused. */
export interface AcceptTarget {
  onSocket(socket: net.Socket): void;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is already in use',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'permission denied (ports below 1024 need a privilege)',
};

function explain(error: Error): string {
  const code: unknown = Reflect.get(error, 'code');
  return (typeof code === 'string' ? REASONS[code] : undefined) ?? error.message;
}

/** A listening socket. Who gets its connections can change while it listens, so that a listener can be replaced. */
export class Acceptor {
  readonly wanted: NetAddress;
  target: AcceptTarget | undefined;
  readonly #server: net.Server;
  readonly #options: net.ListenOptions;

  constructor(wanted: NetAddress, options: { readonly backlog: number; readonly isDualStack: boolean }) {
    this.wanted = wanted;
    this.#server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => this.#onSocket(socket));
    const where = wanted.host.startsWith('/') ? { path: wanted.host } : { host: wanted.host, port: wanted.port };
    this.#options = { ...where, backlog: options.backlog, exclusive: true, ipv6Only: !options.isDualStack };
  }

  /** The address that is listened on, with the port that the kernel chose where 0 was asked for. */
  get bound(): NetAddress {
    const address = this.#server.address();
    return address === null || typeof address === 'string' ? this.wanted : { host: address.address, port: address.port };
  }

  #onSocket(socket: net.Socket): void {
    if (this.target === undefined) socket.destroy();
    else this.target.onSocket(socket);
  }

  /** Starts listening. Rejects with a ConfigError that names the address; `path` is the address field's. */
  async listen(path: string): Promise<void> {
    if (this.wanted.host.startsWith('/')) await rm(this.wanted.host, { force: true });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onError = (error: Error): void => {
      reject(new ConfigError(path, `cannot listen on ${formatAddress(this.wanted)}: ${explain(error)}`, { cause: error }));
    };
    this.#server.once('error', onError);
    this.#server.listen(this.#options, resolve);
    await promise;
    this.#server.off('error', onError);
    // running out of descriptors ends one accept, not the proxy
    this.#server.on('error', () => {});
  }

  /** Stops listening; connections go on. */
  close(): void {
    this.target = undefined;
    if (this.#server.listening) this.#server.close();
  }
}
