import type { Any } from '@bufbuild/protobuf/wkt';
import type { Cluster as ClusterProto } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';

/** `cluster_type.typed_config` of a cluster; undefined where it has none. */
export function clusterTypeOf({ clusterDiscoveryType: type }: ClusterProto): Any | undefined {
  return type.case === 'clusterType' ? type.value.typedConfig : undefined;
}
