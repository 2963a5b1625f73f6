import { rm } from 'node:fs/promises';
import net from 'node:net';
import { ConfigError } from '../../core/errors.ts';
import { formatAddress, type NetAddress } from '../../net/address.ts';
import { type Incoming, takeIncoming } from '../../net/incoming.ts';

/** What takes accepted connections; `local` is our end where the socket listens on one address only. */
export interface AcceptTarget {
  onIncoming(incoming: Incoming, local: NetAddress | undefined): void;
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
    this.#server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    const where = wanted.host.startsWith('/') ? { path: wanted.host } : { host: wanted.host, port: wanted.port };
    this.#options = { ...where, backlog: options.backlog, exclusive: true, ipv6Only: !options.isDualStack };
  }

  /** The address that is listened on, with the port that the kernel chose where 0 was asked for. */
  get bound(): NetAddress {
    const address = this.#server.address();
    return address === null || typeof address === 'string' ? this.wanted : { host: address.address, port: address.port };
  }

  #onIncoming(incoming: Incoming, local: NetAddress | undefined): void {
    if (this.target === undefined) incoming.destroy();
    else this.target.onIncoming(incoming, local);
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
    const { bound } = this;
    // a wildcard address, and the IPv6 form of one, is not where the client has connected to
    const isOne = this.wanted.host.includes('.') && this.wanted.host !== '0.0.0.0';
    takeIncoming(this.#server, (incoming) => this.#onIncoming(incoming, isOne ? bound : undefined));
    // running out of descriptors ends one accept, not the proxy
    this.#server.on('error', () => {});
  }

  /** Stops listening; connections go on. */
  close(): void {
    this.target = undefined;
    if (this.#server.listening) this.#server.close();
  }
}
