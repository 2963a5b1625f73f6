import type { NetAddress } from '../../net/address.ts';
import { formatAddress } from '../../net/address.ts';
import type { PickContext } from './cluster.ts';
import type { Endpoint } from './endpoints.ts';
import type { ClusterHost } from './host.ts';

/** Hosts of an ORIGINAL_DST cluster: made when a client asks for their address, forgotten when nobody uses them. */
export class OriginalDestinations {
  readonly #hosts = new Map<string, ClusterHost>();
  /** Keys of hosts that were chosen since the last sweep. */
  readonly #recent = new Set<string>();
  readonly #portOverride: number | undefined;
  readonly #createHost: (endpoint: Endpoint) => ClusterHost;

  constructor(portOverride: number | undefined, createHost: (endpoint: Endpoint) => ClusterHost) {
    this.#portOverride = portOverride;
    this.#createHost = createHost;
  }

  get hosts(): readonly ClusterHost[] {
    return [...this.#hosts.values()];
  }

  /** The host at the client's destination; undefined where the connection has none. */
  pick(context: PickContext): ClusterHost | undefined {
    const destination = context.originalDestination;
    if (destination === undefined) return undefined;
    const address: NetAddress = { host: destination.host, port: this.#portOverride ?? destination.port };
    const key = formatAddress(address);
    this.#recent.add(key);
    let host = this.#hosts.get(key);
    if (host === undefined) this.#hosts.set(key, (host = this.#createHost(endpointOf(address))));
    return host;
  }

  /** Forgets hosts that nobody chose since the last sweep and nobody is connected to; returns them. */
  sweep(): readonly ClusterHost[] {
    const gone = this.hosts.filter((host) => host.activeConnections === 0 && host.activeRequests === 0 && !this.#recent.has(host.key));
    for (const host of gone) this.#hosts.delete(host.key);
    this.#recent.clear();
    return gone;
  }
}

function endpointOf(address: NetAddress): Endpoint {
  return { address, hostname: '', weight: 1, health: 'healthy', metadata: {}, priority: 0, locality: '//', localityWeight: 0 };
}
