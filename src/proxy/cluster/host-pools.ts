/** The HTTP pools of a host: one for each protocol, priority and server name that its requests ask for. */
import type { Clock } from '../../core/clock.ts';
import type { HttpProtocol } from '../../wire/http/message.ts';
import type { Cluster, Host, Limits } from './cluster.ts';
import { HttpPool, type PoolProtocol } from './http-pool.ts';
import { type SharedState, sharedStateOf } from '../http/shared-state.ts';
import type { AlpnOffers, StreamInfo } from '../http/stream-info.ts';
import { metadataAt } from '../telemetry/metadata-path.ts';
import { clusterHttpStats } from './http-stats.ts';

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
  /** Of the request, whose filter state connections may take along; absent where it has none. */
  readonly info?: Pick<StreamInfo, 'filterState' | 'sharing' | 'alpnOffers'>;
}

/** Pools beyond which empty ones are looked for and dropped: clients may ask for any server name. */
const MANY_POOLS = 64;

/** Equal for equal state. */
function stateKey({ values, transitive }: SharedState): string {
  return JSON.stringify([[...values].toSorted(([a], [b]) => (a < b ? -1 : 1)), [...transitive].toSorted()]);
}

/** What a connection for a request offers by ALPN, where a filter has a say; undefined for what the cluster says. */
function offerFor(
  cluster: Cluster,
  protocol: PoolProtocol,
  { protocol: client }: PoolRequest,
  offers: AlpnOffers,
): readonly string[] | undefined {
  if (metadataAt(cluster.metadata, ['istio', 'alpn_override']) === 'false') return undefined;
  const isOld = client === 'HTTP/1.0' && cluster.http.upstreamProtocol === 'client';
  const offer = isOld ? offers.http10 : protocol === 'http1' ? offers.http1 : offers.http2;
  return offer.length === 0 ? undefined : offer;
}

class HostPools {
  readonly #byKey = new Map<string, HttpPool>();
  /** The one used last, which is nearly always the only one. */
  #last: HttpPool | undefined = undefined;

  find(cluster: Cluster, host: Host, clock: Clock, protocol: PoolProtocol, request: PoolRequest): HttpPool | undefined {
    const { sni, limits, info } = request;
    const shared = host.transport.passesState === true && info !== undefined ? sharedStateOf(info) : undefined;
    const alpn = info?.alpnOffers === undefined ? undefined : offerFor(cluster, protocol, request, info.alpnOffers);
    const last = this.#last;
    const isLast = last?.protocol === protocol && last.sni === sni && last.limits === limits && last.alpn === alpn;
    if (isLast && shared === undefined && last.shared === undefined) return last;
    const state = shared === undefined ? '' : ` ${stateKey(shared)}`;
    const key = `${protocol} ${limits === cluster.limits ? '' : 'high'} ${sni} ${alpn?.join(',') ?? ''}${state}`;
    let pool = this.#byKey.get(key);
    if (pool === undefined) {
      const isFull = limits.pools.value >= limits.maxPools;
      if (isFull || this.#byKey.size >= MANY_POOLS) this.#dropEmpty();
      if (isFull && limits.pools.value >= limits.maxPools) {
        clusterHttpStats(cluster.stats).upstream_cx_pool_overflow.value++;
        return undefined;
      }
      limits.pools.value++;
      this.#byKey.set(key, (pool = new HttpPool(cluster, host, clock, limits, protocol, { sni, alpn, shared })));
    }
    this.#last = pool;
    return pool;
  }

  drain(): void {
    for (const pool of this.#byKey.values()) {
      pool.drain();
      pool.limits.pools.value--;
    }
    this.#byKey.clear();
    this.#last = undefined;
  }

  renew(): void {
    for (const pool of this.#byKey.values()) pool.renew();
  }

  #dropEmpty(): void {
    for (const [key, pool] of this.#byKey) {
      if (!pool.isEmpty) continue;
      this.#byKey.delete(key);
      pool.limits.pools.value--;
      if (this.#last === pool) this.#last = undefined;
    }
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

/** The pool for a request, made on first use; undefined where the cluster has as many as it may. */
export function findPool(cluster: Cluster, host: Host, clock: Clock, request: PoolRequest): HttpPool | undefined {
  return poolsOf(host).find(cluster, host, clock, protocolFor(cluster.http, request), request);
}

/** As `findPool`, for the proxy's own requests, which have a pool in any case. */
export function poolOf(cluster: Cluster, host: Host, clock: Clock, request: PoolRequest): HttpPool {
  const pool = findPool(cluster, host, clock, request);
  return pool ?? new HttpPool(cluster, host, clock, request.limits, protocolFor(cluster.http, request), { sni: request.sni });
}

/** The host has left its cluster: its connections close as soon as nothing runs on them. */
export function drainPool(host: Host): void {
  if (host.pool instanceof HostPools) host.pool.drain();
}

/** The host's connections may not be what they were: none takes another request, and each closes when its requests are over. */
export function renewPool(host: Host): void {
  if (host.pool instanceof HostPools) host.pool.renew();
}
