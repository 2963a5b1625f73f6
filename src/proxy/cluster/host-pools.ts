/** The HTTP pools of a host: one for each protocol and server name that its requests ask for. */
import type { Clock } from '../../core/clock.ts';
import type { HttpProtocol } from '../../wire/http/message.ts';
import type { Cluster, Host } from './cluster.ts';
import { HttpPool, type PoolProtocol } from './http-pool.ts';

class HostPools {
  readonly #byKey = new Map<string, HttpPool>();
  /** The one used last, which is nearly always the only one. */
  #last: HttpPool | undefined = undefined;
  #lastProtocol: PoolProtocol | undefined = undefined;
  #lastSni = '';

  find(cluster: Cluster, host: Host, clock: Clock, protocol: PoolProtocol, sni: string): HttpPool {
    if (this.#last !== undefined && this.#lastProtocol === protocol && this.#lastSni === sni) return this.#last;
    const key = `${protocol} ${sni}`;
    let pool = this.#byKey.get(key);
    if (pool === undefined) this.#byKey.set(key, (pool = new HttpPool(cluster, host, clock, protocol, sni)));
    this.#last = pool;
    this.#lastProtocol = protocol;
    this.#lastSni = sni;
    return pool;
  }

  drain(): void {
    for (const pool of this.#byKey.values()) pool.drain();
  }
}

/** What a pool must know of a request. */
export interface PoolRequest {
  /** The client's, for clusters that speak the same upstream. */
  readonly protocol: HttpProtocol;
  /** It asks for a tunnel: an upgrade, or CONNECT. */
  readonly isTunnel: boolean;
  /** The server name that it asks for; '' for what the cluster says. */
  readonly sni: string;
}

function protocolFor({ upstreamProtocol }: Cluster['http'], { protocol, isTunnel }: PoolRequest): PoolProtocol {
  if (upstreamProtocol === 'client') return protocol === 'HTTP/2' ? 'http2' : 'http1';
  // Not every peer that takes HTTP/2 takes tunnels in it, and with HTTP/1.1 all do.
  return upstreamProtocol === 'auto' && isTunnel ? 'http1' : upstreamProtocol;
}

/** The pool for a request, made on first use. */
export function poolOf(cluster: Cluster, host: Host, clock: Clock, request: PoolRequest): HttpPool {
  const { sni } = request;
  const wanted = protocolFor(cluster.http, request);
  if (!(host.pool instanceof HostPools)) host.pool = new HostPools();
  return host.pool instanceof HostPools
    ? host.pool.find(cluster, host, clock, wanted, sni)
    : new HttpPool(cluster, host, clock, wanted, sni);
}

/** The host has left its cluster: its connections close as soon as nothing runs on them. */
export function drainPool(host: Host): void {
  if (host.pool instanceof HostPools) host.pool.drain();
}
