/**
 * Hosts with several addresses: the next one is tried 300 ms after the one before, or at once where that fails, and the
 * first that connects is taken (RFC 8305; Envoy's happy eyeballs). One that connects too late is closed again.
 */
import net from 'node:net';
import type { NetAddress } from '../../net/address.ts';
import type { ConnectOptions, Host, Transport, TransportHandlers } from './cluster.ts';
import { untilConnected } from './connecting.ts';

/** How long an address is tried alone. */
const STAGGER_MS = 300;
const TIMED_OUT = 'connection timeout';

function isV6({ host }: NetAddress): boolean {
  return net.isIPv6(host);
}

/** Which family is tried first, and how many of it before the other. Envoy: `happy_eyeballs_config`. */
export interface AddressOrder {
  /** Undefined: that of the first address. */
  readonly firstFamily: 4 | 6 | undefined;
  readonly firstCount: number;
}

/** Addresses in the order in which they are tried: the families in turn, within each as they came. */
export function orderAddresses(addresses: readonly NetAddress[], { firstFamily, firstCount }: AddressOrder): readonly NetAddress[] {
  const [first] = addresses;
  if (first === undefined) return [];
  const wantsV6 = firstFamily === undefined ? isV6(first) : firstFamily === 6;
  const preferred = addresses.filter((address) => isV6(address) === wantsV6);
  const others = addresses.filter((address) => isV6(address) !== wantsV6);
  const order: NetAddress[] = [];
  while (preferred.length > 0 || others.length > 0) order.push(...preferred.splice(0, firstCount), ...others.splice(0, 1));
  return order;
}

/** One connection on its way over several addresses. */
class Race {
  readonly #inner: Transport;
  readonly #host: Host;
  readonly #options: ConnectOptions;
  readonly #handlers: TransportHandlers;
  readonly #left: NetAddress[];
  readonly #endMs: number;
  #running = 0;
  #isFirst = true;
  #isOver = false;
  #stagger: NodeJS.Timeout | undefined;

  constructor(inner: Transport, host: Host, addresses: readonly NetAddress[], options: ConnectOptions, handlers: TransportHandlers) {
    this.#inner = inner;
    this.#host = host;
    this.#options = options;
    this.#handlers = handlers;
    this.#left = [...addresses];
    this.#endMs = options.timeoutMs > 0 ? performance.now() + options.timeoutMs : Infinity;
  }

  next(): void {
    clearTimeout(this.#stagger);
    const address = this.#left.shift();
    if (address === undefined) return;
    const leftMs = this.#endMs - performance.now();
    const timeoutMs = leftMs === Infinity ? 0 : Math.max(1, leftMs);
    if (this.#left.length > 0) this.#stagger = setTimeout(() => this.next(), STAGGER_MS);
    // each counts as a connection; the first one is its user's to count
    if (this.#isFirst) this.#isFirst = false;
    else if (this.#host.cluster !== undefined) this.#host.cluster.stats.counter('upstream_cx_total').value++;
    this.#running++;
    const handlers = untilConnected(
      (connection, tls) => {
        if (this.#isOver) return connection.destroy();
        this.#end();
        connection.read(this.#handlers);
        this.#handlers.onConnect(connection, tls);
      },
      (error) => this.#failed(error),
    );
    this.#inner.connect(this.#host, { ...this.#options, timeoutMs, address }, handlers);
  }

  #failed(error: string | undefined): void {
    this.#running--;
    if (this.#isOver) return;
    // the time is for all addresses together
    if (error !== TIMED_OUT && this.#left.length > 0) return this.next();
    if (error !== TIMED_OUT && this.#running > 0) return;
    this.#end();
    this.#handlers.onClose(error);
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#stagger);
  }
}

/** The same transport, which tries all addresses of hosts that have more than one. */
export function tryingAll(inner: Transport): Transport {
  return {
    isTls: inner.isTls,
    passesState: inner.passesState,
    connect(host, options, handlers) {
      if (host.addresses === undefined) inner.connect(host, options, handlers);
      else new Race(inner, host, host.addresses, options, handlers).next();
    },
  };
}
