/** The HTTP pools of a host: one for each protocol, priority and server name that its requests ask for. */
import type { Clock } from '../../core/clock.ts';
import type { HttpProtocol } from '../../wire/http/message.ts';
import type { Cluster, Host, Limits } from './cluster.ts';
import { HttpPool, type PoolProtocol } from './http-pool.ts';

/** What a pool must know of a request. */
export interface PoolRequest {
  /** The client's, for clusters that speak the same upstream. */
  readonly protocol: HttpProtocol;
  /** It asks for a tunnel: an upgrade, or CONNECT. */
  readonly isTunnel: boolean;
  /** The server name that it asks for; '' for what the cluster says. */
  readonly sni: string;
  /** The caps of its priority. */
  readonly limits: Limits;
}

/** Pools beyond which empty ones are looked for and dropped: clients may ask for any server name. */
const MANY_POOLS = 64;

class HostPools {
  readonly #byKey = new Map<string, HttpPool>();
  /** The one used last, which is nearly always the only one. */
  #last: HttpPool | undefined = undefined;

  find(cluster: Cluster, host: Host, clock: Clock, protocol: PoolProtocol, { sni, limits }: PoolRequest): HttpPool {
    const last = this.#last;
    if (last !== undefined && last.protocol === protocol && last.sni === sni && last.limits === limits) return last;
    const key = `${protocol} ${limits === cluster.limits ? '' : 'high'} ${sni}`;
    let pool = this.#byKey.get(key);
    if (pool === undefined) {
      if (this.#byKey.size >= MANY_POOLS) this.#dropEmpty();
      this.#byKey.set(key, (pool = new HttpPool(cluster, host, clock, limits, protocol, sni)));
    }
    this.#last = pool;
    return pool;
  }

  drain(): void {
    for (const pool of this.#byKey.values()) pool.drain();
  }

  #dropEmpty(): void {
    for (const [key, pool] of this.#byKey) if (pool.isEmpty) this.#byKey.delete(key);
  }
}

function protocolFor({ upstreamProtocol }: Cluster['http'], { protocol, isTunnel }: PoolRequest): PoolProtocol {
  if (upstreamProtocol === 'client') return protocol === 'HTTP/2' ? 'http2' : 'http1';
  // Not every peer that takes HTTP/2 takes tunnels in it, and with HTTP/1.1 all do.
  return upstreamProtocol === 'auto' && isTunnel ? 'http1' : upstreamProtocol;
}

function poolsOf(host: Host): HostPools {
  if (host.pool instanceof HostPools) return host.pool;
  const pools = new HostPools();
  host.pool = pools;
  return pools;
}

/** The pool for a request, made on first use. */
export function poolOf(cluster: Cluster, host: Host, clock: Clock, request: PoolRequest): HttpPool {
  return poolsOf(host).find(cluster, host, clock, protocolFor(cluster.http, request), request);
}

/** The host has left its cluster: its connections close as soon as nothing runs on them. */
export function drainPool(host: Host): void {
  if (host.pool instanceof HostPools) host.pool.drain();
}
