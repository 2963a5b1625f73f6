import { timerMs } from '../../../core/timer-limit.ts';
import { ConfigError } from '../../../core/errors.ts';
import { formatAddress, type NetAddress } from '../../../net/address.ts';
import {
  type Cluster as ClusterProto,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_OriginalDstLbConfigSchema,
} from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { OriginalDstClusterSchema } from '../../../xds/gen/envoy/extensions/clusters/original_dst/v3/original_dst_pb.ts';
import { create } from '@bufbuild/protobuf';
import { positiveDurationMs } from '../../config/durations.ts';
import { decodeTyped } from '../../config/typed-config.ts';
import type { Counter } from '../../telemetry/stats.ts';
import type { PickContext } from '../cluster.ts';
import { endpointAt, NO_ENDPOINTS } from '../endpoints.ts';
import type { ClusterHost } from '../host.ts';
import { clusterTypeOf } from './cluster-type.ts';
import type { Discovery, DiscoveryKind, DiscoveryScope } from './discovery.ts';
import { readWanted, wantedAddress, type WantedSettings } from './wanted-address.ts';

const CLEANUP_MS = 5000;

/** Hosts that are made when a client asks for their address, and forgotten when nobody uses them. */
class OriginalDestinations implements Discovery {
  readonly #wanted: WantedSettings;
  readonly #cleanupMs: number;
  readonly #scope: DiscoveryScope;
  readonly #invalid: Counter;
  readonly #hosts = new Map<string, ClusterHost>();
  /** Keys of hosts that were chosen since the last sweep. */
  readonly #recent = new Set<string>();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(wanted: WantedSettings, cleanupMs: number, scope: DiscoveryScope) {
    this.#wanted = wanted;
    this.#cleanupMs = cleanupMs;
    this.#scope = scope;
    this.#invalid = scope.stats.counter('original_dst_host_invalid');
  }

  start(): void {
    this.#scope.assign(NO_ENDPOINTS);
    this.#sweeper = setInterval(() => this.#sweep(), timerMs(this.#cleanupMs)).unref();
  }

  pick(context: PickContext): ClusterHost | undefined {
    const address: NetAddress | undefined = wantedAddress(this.#wanted, context, this.#invalid);
    if (address === undefined) return undefined;
    const key = formatAddress(address);
    this.#recent.add(key);
    let host = this.#hosts.get(key);
    if (host === undefined) this.#hosts.set(key, (host = this.#scope.add(endpointAt(address))));
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

function readSettings(config: ClusterProto, path: string): WantedSettings {
  const typed = clusterTypeOf(config);
  if (typed !== undefined) {
    const at = `${path}.cluster_type.typed_config`;
    return readWanted(decodeTyped(typed, OriginalDstClusterSchema, at), at);
  }
  const own = config.lbConfig.case === 'originalDstLbConfig' ? config.lbConfig.value : create(Cluster_OriginalDstLbConfigSchema);
  return readWanted(own, `${path}.original_dst_lb_config`);
}

/** ORIGINAL_DST: whatever address the client wanted to go to. */
export const originalDstDiscovery: DiscoveryKind = {
  types: [DiscoveryType.ORIGINAL_DST],
  names: ['envoy.cluster.original_dst'],
  messages: [OriginalDstClusterSchema.typeName],
  picksHosts: true,
  read(config, path) {
    if (config.loadAssignment !== undefined) throw new ConfigError(`${path}.load_assignment`, 'is not for ORIGINAL_DST clusters');
    const wanted = readSettings(config, path);
    const cleanupMs = positiveDurationMs(config.cleanupInterval, CLEANUP_MS, `${path}.cleanup_interval`);
    return { create: (scope) => new OriginalDestinations(wanted, cleanupMs, scope) };
  },
};
