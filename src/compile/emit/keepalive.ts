import type { ConnectionPool } from '../../model/traffic-policy.ts';
import type { Cluster } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';

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
