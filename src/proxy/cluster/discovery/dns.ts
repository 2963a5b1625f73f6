import { ConfigError } from '../../../core/errors.ts';
import {
  type Cluster as ClusterProto,
  Cluster_DiscoveryType as DiscoveryType,
} from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { DnsClusterSchema } from '../../../xds/gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import { type Assignment, NO_ENDPOINTS, readAssignment } from '../endpoints.ts';
import type { DiscoveryKind } from './discovery.ts';
import { readDnsSettings } from './dns-settings.ts';
import { LogicalName } from './logical-name.ts';
import { StrictNames } from './strict-names.ts';

function readEndpoints(config: ClusterProto, path: string): Assignment {
  return config.loadAssignment === undefined ? NO_ENDPOINTS : readAssignment(config.loadAssignment, `${path}.load_assignment`);
}

function isLogicalType({ clusterDiscoveryType: type }: ClusterProto): boolean {
  return type.case === 'clusterType' ? type.value.name === 'envoy.cluster.logical_dns' : type.value === DiscoveryType.LOGICAL_DNS;
}

/** STRICT_DNS and LOGICAL_DNS: the names of `load_assignment` are resolved again and again. */
export const dnsDiscovery: DiscoveryKind = {
  types: [DiscoveryType.STRICT_DNS, DiscoveryType.LOGICAL_DNS],
  names: ['envoy.cluster.strict_dns', 'envoy.cluster.logical_dns'],
  messages: [DnsClusterSchema.typeName],
  picksHosts: false,
  read(config, path) {
    const settings = readDnsSettings(config, isLogicalType(config), path);
    const assignment = readEndpoints(config, path);
    if (!settings.isLogical) return { create: (scope) => new StrictNames(settings, assignment, scope) };
    const [endpoint, ...others] = assignment.endpoints;
    if (endpoint === undefined || others.length > 0)
      throw new ConfigError(
        `${path}.load_assignment`,
        `has ${assignment.endpoints.length} endpoints, and a cluster of logical DNS has one`,
      );
    return { create: (scope) => new LogicalName(settings, { ...assignment, endpoints: [endpoint] }, endpoint, scope) };
  },
};
