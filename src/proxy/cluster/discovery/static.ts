import { Cluster_DiscoveryType as DiscoveryType } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { NO_ENDPOINTS, readAssignment, refuseNames } from '../endpoints.ts';
import type { DiscoveryKind } from './discovery.ts';

/** STATIC: the endpoints of `load_assignment`, which are addresses. */
export const staticDiscovery: DiscoveryKind = {
  types: [DiscoveryType.STATIC],
  names: ['envoy.cluster.static'],
  messages: [],
  picksHosts: false,
  read(config, path) {
    const assignment = config.loadAssignment ? readAssignment(config.loadAssignment, `${path}.load_assignment`) : NO_ENDPOINTS;
    refuseNames(assignment, 'load_assignment');
    return { create: (scope) => ({ start: () => scope.assign(assignment), close() {} }) };
  },
};
