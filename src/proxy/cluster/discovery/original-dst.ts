import type { NetAddress } from '../../../net/address.ts';
import { formatAddress } from '../../../net/address.ts';
import {
  type Cluster as ClusterProto,
  Cluster_DiscoveryType as DiscoveryType,
} from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { positiveDurationMs } from '../../config/durations.ts';
import type { PickContext } from '../cluster.ts';
import { type Endpoint, NO_ENDPOINTS } from '../endpoints.ts';
import type { ClusterHost } from '../host.ts';
import type { Discovery, DiscoveryKind, DiscoveryScope } from './discovery.ts';

interface OriginalDstSettings {
  readonly portOverride: number | undefined;
  readonly cleanupMs: number;
}

const CLEANUP_MS = 5000;

function endpointOf(address: NetAddress): Endpoint {
  return { address, hostname: '', weight: 1, health: 'healthy', metadata: {}, priority: 0, locality: '//', localityWeight: 0 };
}

/** Hosts that are made when a client asks for their address, and forgotten when nobody uses them. */
class OriginalDestinations implements Discovery {
  readonly #settings: OriginalDstSettings;
  readonly #scope: DiscoveryScope;
  readonly #hosts = new Map<string, ClusterHost>();
  /** Keys of hosts that were chosen since the last sweep. */
  readonly #recent = new Set<string>();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(settings: OriginalDstSettings, scope: DiscoveryScope) {
    this.#settings = settings;
    this.#scope = scope;
  }

  start(): void {
    this.#scope.assign(NO_ENDPOINTS);
    this.#sweeper = setInterval(() => this.#sweep(), this.#settings.cleanupMs).unref();
  }

  /** The host at the client's destination; undefined where the connection has none. */
  pick(context: PickContext): ClusterHost | undefined {
    const destination = context.originalDestination;
    if (destination === undefined) return undefined;
    const address: NetAddress = { host: destination.host, port: this.#settings.portOverride ?? destination.port };
    const key = formatAddress(address);
    this.#recent.add(key);
    let host = this.#hosts.get(key);
    if (host === undefined) this.#hosts.set(key, (host = this.#scope.add(endpointOf(address))));
    return host;
  }

  /** Forgets hosts that nobody chose since the last sweep and nobody is connected to. */
  #sweep(): void {
    const gone = [...this.#hosts.values()].filter(
      (host) => host.activeConnections === 0 && host.activeRequests === 0 && !this.#recent.has(host.key),
    );
    for (const host of gone) this.#hosts.delete(host.key);
    this.#recent.clear();
    this.#scope.remove(gone);
  }

  close(): void {
    clearInterval(this.#sweeper);
  }
}

function readSettings(config: ClusterProto, path: string): OriginalDstSettings {
  return {
    portOverride: config.lbConfig.case === 'originalDstLbConfig' ? config.lbConfig.value.upstreamPortOverride : undefined,
    cleanupMs: positiveDurationMs(config.cleanupInterval, CLEANUP_MS, `${path}.cleanup_interval`),
  };
}

/** ORIGINAL_DST: whatever address the client wanted to go to. */
export const originalDstDiscovery: DiscoveryKind = {
  types: [DiscoveryType.ORIGINAL_DST],
  names: ['envoy.cluster.original_dst'],
  messages: [],
  picksHosts: true,
  read(config, path) {
    const settings = readSettings(config, path);
    return { create: (scope) => new OriginalDestinations(settings, scope) };
  },
};
