/** Filter chains' last network filter for bytes. */
import { create } from '@bufbuild/protobuf';
import type { MeshSettings } from '../../model/mesh.ts';
import type { ConnectionPool, Tunnel } from '../../model/traffic-policy.ts';
import { type Filter, FilterSchema } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { TcpProxySchema } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';
import { accessLogsOf } from './access-log.ts';
import { duration, extension, overAds } from './any.ts';
import { flowLogsOf } from './flow-log.ts';
import type { Client } from './scope.ts';
import { TCP_PROXY } from './names.ts';
import { type Side, statsFilters } from './telemetry-filters.ts';

export interface WeightedCluster {
  readonly name: string;
  readonly weight: number;
}

export interface TcpProxyOptions {
  readonly settings: MeshSettings;
  readonly client: Pick<Client, 'userAgent' | 'isOnDemand'>;
  readonly side: Side;
  readonly statPrefix?: string;
  /** Limits of the destination. */
  readonly pool?: ConnectionPool | undefined;
  /** Where each connection goes in a request of its own to the destination, which is an HTTP proxy. */
  readonly tunnel?: Tunnel | undefined;
  /** Hash connections by their source, for destinations with a consistent hash of it. */
  readonly isHashedBySource?: boolean;
}

/** A proxy to one cluster, or to several by weight. */
function tcpProxy(clusters: readonly WeightedCluster[], options: TcpProxyOptions): Filter {
  const { settings, client, pool, side, tunnel } = options;
  const [first] = clusters;
  const name = first?.name ?? '';
  return create(
    FilterSchema,
    extension(TCP_PROXY, TcpProxySchema, {
      statPrefix: options.statPrefix ?? name,
      clusterSpecifier:
        clusters.length === 1
          ? { case: 'cluster', value: name }
          : {
              case: 'weightedClusters',
              value: { clusters: clusters.filter(({ weight }) => weight > 0).map((cluster) => ({ ...cluster })) },
            },
      accessLog: [...accessLogsOf(settings, side), ...flowLogsOf(settings, side, 'tcp')],
      ...(pool?.tcpIdleTimeoutMs !== undefined && { idleTimeout: duration(pool.tcpIdleTimeoutMs) }),
      ...(pool?.maxConnectionDurationMs !== undefined && { maxDownstreamConnectionDuration: duration(pool.maxConnectionDurationMs) }),
      ...(tunnel && { tunnelingConfig: { hostname: `${tunnel.host}:${tunnel.port}`, usePost: tunnel.method === 'POST' } }),
      ...(options.isHashedBySource === true && { hashPolicy: [{ policySpecifier: { case: 'sourceIp' as const, value: {} } }] }),
      ...(client.isOnDemand && side === 'client' && { onDemand: { odcdsConfig: overAds() } }),
    }),
  );
}

/** The network filters of a chain for bytes: metrics, then the proxy. */
export function tcpFilters(clusters: readonly WeightedCluster[], options: TcpProxyOptions): Filter[] {
  const stats = statsFilters(options.settings, options.client.userAgent, options.side).map((filter) => create(FilterSchema, filter));
  return [...stats, tcpProxy(clusters, options)];
}
