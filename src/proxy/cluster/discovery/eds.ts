import { Cluster_DiscoveryType as DiscoveryType } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { readAssignment, refuseNames } from '../endpoints.ts';
import type { DiscoveryKind } from './discovery.ts';

/** EDS: endpoints come from the server of xDS, by the name of the cluster or its `service_name`. */
export const edsDiscovery: DiscoveryKind = {
  types: [DiscoveryType.EDS],
  names: ['envoy.cluster.eds'],
  messages: [],
  picksHosts: false,
  read: (config) => ({
    edsName: config.edsClusterConfig?.serviceName || config.name,
    create: (scope) => ({
      start() {},
      onEndpoints(message) {
        const assignment = readAssignment(message, message.clusterName);
        refuseNames(assignment, message.clusterName);
        scope.stats.counter('update_success').value++;
        scope.assign(assignment);
      },
      close() {},
    }),
  }),
};
