/** Which cluster a connection goes to, and which of its endpoints. Envoy: TcpProxy.cluster, weighted_clusters, metadata_match. */
import type { JsonObject } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import type { Metadata } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { LB_NAMESPACE } from '../cluster/lb-metadata.ts';
import type { TcpProxy } from '../../xds/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts';

/** A cluster by name, and the endpoint metadata under `envoy.lb` that is asked for; undefined for any. */
export interface ClusterTarget {
  readonly name: string;
  readonly criteria: JsonObject | undefined;
}

/** Filter state that names the cluster of a connection, where the configuration names one cluster. */
export const CLUSTER_KEY = 'envoy.tcp_proxy.cluster';

function criteriaOf(metadata: Metadata | undefined, above?: JsonObject): JsonObject | undefined {
  const own = metadata?.filterMetadata[LB_NAMESPACE];
  return own === undefined ? above : { ...above, ...own };
}

/** Prepares the choice, which is made by a number in [0, 1). `path` is the filter's. */
export function readClusters(config: TcpProxy, path: string): (random: number, filterState?: ReadonlyMap<string, string>) => ClusterTarget {
  const { case: kind, value } = config.clusterSpecifier;
  const criteria = criteriaOf(config.metadataMatch);
  if (kind === 'cluster') {
    const target = { name: value, criteria };
    return (_random, filterState) => {
      const name = filterState?.get(CLUSTER_KEY);
      return name === undefined ? target : { name, criteria: undefined };
    };
  }
  if (kind === undefined) throw new ConfigError(path, 'cluster or weighted_clusters is missing');
  const rows = value.clusters.map(({ name, weight, metadataMatch }, i) => {
    if (weight === 0) throw new ConfigError(`${path}.weighted_clusters.clusters[${i}].weight`, '0 is below 1');
    return { name, weight, criteria: criteriaOf(metadataMatch, criteria) };
  });
  const total = rows.reduce((sum, { weight }) => sum + weight, 0);
  const last = rows.at(-1);
  if (last === undefined) throw new ConfigError(`${path}.weighted_clusters`, 'no cluster is named');
  return (random) => {
    let left = random * total;
    for (const row of rows) {
      left -= row.weight;
      if (left < 0) return row;
    }
    return last;
  };
}
