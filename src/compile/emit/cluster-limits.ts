/** What a pool says of a cluster's connections. */
import { create } from '@bufbuild/protobuf';
import type { ConnectionPool } from '../../model/traffic-policy.ts';
import { CircuitBreakersSchema } from '../../xds/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts';
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { duration } from './any.ts';
import { thresholdsOf } from './cluster-policy.ts';

/** Limits, time to connect and probes of a cluster that no DestinationRule is for; nothing changes without a pool. */
export function setLimits(cluster: Cluster, pool: ConnectionPool | undefined): void {
  if (pool === undefined) return;
  cluster.circuitBreakers = create(CircuitBreakersSchema, { thresholds: [thresholdsOf(pool, undefined)] });
  if (pool.connectTimeoutMs !== undefined) cluster.connectTimeout = duration(pool.connectTimeoutMs);
  setKeepalive(cluster, pool);
}

/** Probes of the operating system on connections of `cluster`, where a pool asks for them. */
export function setKeepalive(cluster: Cluster, pool: ConnectionPool | undefined): void {
  const keepalive = pool?.tcpKeepalive;
  if (keepalive === undefined) return;
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : Math.max(1, Math.round(ms / 1000)));
  cluster.upstreamConnectionOptions = {
    $typeName: 'envoy.config.cluster.v3.UpstreamConnectionOptions',
    setLocalInterfaceNameOnUpstreamConnections: false,
    happyEyeballsConfig: undefined,
    tcpKeepalive: {
      $typeName: 'envoy.config.core.v3.TcpKeepalive',
      keepaliveProbes: keepalive.probes,
      keepaliveTime: seconds(keepalive.timeMs),
      keepaliveInterval: seconds(keepalive.intervalMs),
    },
  };
}
