import { SniClusterSchema } from '../../xds/gen/envoy/extensions/filters/network/sni_cluster/v3/sni_cluster_pb.ts';
import { setFilterState } from '../http/shared-state.ts';
import type { NetworkFilter } from './filter.ts';
import { CLUSTER_KEY } from './tcp-clusters.ts';

/** Names the cluster of a TCP proxy by the server name of the ClientHello. Envoy: envoy.filters.network.sni_cluster. */
export const sniCluster: NetworkFilter<typeof SniClusterSchema, undefined> = {
  name: 'envoy.filters.network.sni_cluster',
  schema: SniClusterSchema,
  isTerminal: false,
  parse: () => undefined,
  create: () => (_connection, downstream) => {
    if (downstream.requestedServerName !== '') setFilterState(downstream, CLUSTER_KEY, downstream.requestedServerName);
    return true;
  },
};
