import type { Bootstrap } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import type { Cluster } from './cluster.ts';

import { ClusterHost } from './host.ts';
import type { LocalZone } from './lb/picker.ts';
import { localityText } from './locality-text.ts';

/** Where a proxy stands by its bootstrap: `node.locality` and `cluster_manager.local_cluster_name`; undefined without the latter. */
export function localZoneOf({ node, clusterManager }: Bootstrap, find: (name: string) => Cluster | undefined): LocalZone | undefined {
  const name = clusterManager?.localClusterName ?? '';
  if (name === '') return undefined;
  return {
    locality: localityText(node?.locality),
    hosts: () => (find(name)?.hosts ?? []).filter((host) => host instanceof ClusterHost),
    version: () => find(name)?.hostsVersion ?? 0,
  };
}
