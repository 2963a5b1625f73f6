import { rmSync } from 'node:fs';
import net from 'node:net';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { formatAddress, type NetAddress } from '../../net/address.ts';
import { closeDescriptor, duplicateDescriptor } from '../../net/descriptor-passing.ts';
import { type Incoming, takeIncoming } from '../../net/incoming.ts';
import { descriptorOf } from '../../net/socket-handle.ts';
import type { Listening, ListenSockets, ListenSource } from './listen-sockets.ts';
import { adoptSocket, openServer } from './open-server.ts';

/** What takes accepted connections; `local` where the acceptor knows it, for a socket of one address alone. */
export interface AcceptTarget {
  onIncoming(incoming: Incoming, local: NetAddress | undefined): void;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is already in use',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'permission denied (ports below 1024 need a privilege)',
};

/** Addresses that stand for all. */
const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

function explain(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return (typeof code === 'string' ? REASONS[code] : undefined) ?? messageOf(error);
}

export interface AcceptorOptions {
  readonly backlog: number;
  readonly isDualStack: boolean;
  /** Tells the socket from others, in other processes and loops too; see `socketKey`. */
  readonly key: string;
  readonly sockets: ListenSockets;
}

/**
 * What listens at one address: a socket, or several on the same port that were taken over from several event loops. Who
 * gets its connections can change while it listens, so that a listener can be replaced.
 */
export class Acceptor implements Listening {
  readonly wanted: NetAddress;
  target: AcceptTarget | undefined;
  readonly #options: AcceptorOptions;
  #servers: net.Server[] = [];
  /** Copies of the sockets while nothing is accepted. */
  #paused: number[] | undefined = undefined;
  #bound: NetAddress | undefined = undefined;
  /** The local address of every connection, where there is only one. */
  #local: NetAddress | undefined = undefined;
  #isClosed = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(wanted: NetAddress, options: AcceptorOptions) {
    this.wanted = wanted;
    this.#options = options;
  }

  get key(): string {
    return this.#options.key;
  }

  /** The address that is listened on, with the port that the kernel chose where 0 was asked for. */
  get bound(): NetAddress {
    return this.#bound ?? this.wanted;
  }

  get descriptors(): readonly number[] {
    return this.#paused ?? this.#servers.map(descriptorOf).filter((fd) => fd !== undefined);
  }

  /** Starts listening. Rejects with a ConfigError that names the address; `path` is the address field's. */
  async listen(path: string): Promise<void> {
    const { key, sockets } = this.#options;
    try {
      await this.#open(await sockets.claim(key, this.wanted));
    } catch (error) {
      this.#closeServers();
      const reason = explain(error);
      sockets.failed(key, reason);
      throw new ConfigError(path, `cannot listen on ${formatAddress(this.wanted)}: ${reason}`, { cause: error });
    }
    const address = this.#servers[0]?.address();
    if (typeof address === 'object' && address !== null) {
      this.#bound = { host: address.address, port: address.port };
      if (!ANY_ADDRESS.has(address.address)) this.#local = this.#bound;
    }
    sockets.opened(this);
  }

  /** Stops listening; connections go on. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.target = undefined;
    const { sockets } = this.#options;
    // before the socket is closed: whoever comes later must find nobody, rather than nobody who answers
    const isOpen = this.#servers.length > 0 || this.#paused !== undefined;
    const isOurs = this.wanted.host.startsWith('/') && isOpen && sockets.ownsFiles;
    if (isOurs) rmSync(this.wanted.host, { force: true });
    sockets.closed(this);
    this.#closeServers();
    this.#paused?.splice(0).forEach(closeDescriptor);
  }

  /** Whether connections are accepted; those that are not wait in the kernel's queue. */
  set isAccepting(isAccepting: boolean) {
    this.#turn = this.#turn.then(() => (isAccepting ? this.#resume() : this.#pause())).catch(() => {});
  }

  #pause(): void {
    if (this.#isClosed || this.#paused !== undefined) return;
    this.#paused = this.descriptors.map(duplicateDescriptor);
    this.#closeServers();
  }

  async #resume(): Promise<void> {
    const paused = this.#paused;
    if (paused === undefined) return;
    this.#paused = undefined;
    await this.#adopt(paused);
    if (this.#isClosed) this.#closeServers();
    else this.#options.sockets.opened(this);
  }

  #closeServers(): void {
    for (const server of this.#servers.splice(0)) if (server.listening) server.close();
  }

  async #open(source: ListenSource): Promise<void> {
    if (source.kind === 'elsewhere') return;
    if (source.kind === 'inherit') {
      await this.#adopt(source.descriptors);
      return;
    }
    const { backlog, isDualStack } = this.#options;
    const server = this.#newServer();
    const where = source.port === undefined ? this.wanted : { ...this.wanted, port: source.port };
    await openServer(server, where, { backlog, isDualStack, isShared: source.isShared });
    this.#keep(server);
  }

  async #adopt(descriptors: readonly number[]): Promise<void> {
    for (const fd of descriptors) {
      const server = this.#newServer();
      await adoptSocket(server, fd, this.#options.backlog);
      this.#keep(server);
    }
  }

  #newServer(): net.Server {
    return net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  }

  #keep(server: net.Server): void {
    // running out of descriptors ends one accept, not the proxy
    server.on('error', () => {});
    takeIncoming(server, (incoming) => this.#onIncoming(incoming));
    this.#servers.push(server);
  }

  #onIncoming(incoming: Incoming): void {
    if (this.target === undefined) incoming.destroy();
    else this.target.onIncoming(incoming, this.#local);
  }
}
