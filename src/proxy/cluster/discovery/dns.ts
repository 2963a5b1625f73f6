import {
  type Cluster as ClusterProto,
  Cluster_DiscoveryType as DiscoveryType,
} from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { positiveDurationMs } from '../../config/durations.ts';
import { DnsRefresher, type DnsSettings } from '../dns-refresh.ts';
import { NO_ENDPOINTS, readAssignment } from '../endpoints.ts';
import type { DiscoveryKind } from './discovery.ts';

const REFRESH_MS = 5000;

function readSettings(config: ClusterProto, path: string): DnsSettings {
  return {
    family: config.dnsLookupFamily,
    refreshMs: positiveDurationMs(config.dnsRefreshRate, REFRESH_MS, `${path}.dns_refresh_rate`),
    respectsTtl: config.respectDnsTtl,
    isLogical: config.clusterDiscoveryType.value === DiscoveryType.LOGICAL_DNS,
  };
}

/** STRICT_DNS and LOGICAL_DNS: the names of `load_assignment` are resolved again and again. */
export const dnsDiscovery: DiscoveryKind = {
  types: [DiscoveryType.STRICT_DNS, DiscoveryType.LOGICAL_DNS],
  messages: [],
  picksHosts: false,
  read(config, path) {
    const settings = readSettings(config, path);
    const assignment = config.loadAssignment ? readAssignment(config.loadAssignment, `${path}.load_assignment`) : NO_ENDPOINTS;
    return {
      create(scope) {
        const refresher = new DnsRefresher(settings, {
          ...scope,
          onEndpoints: (endpoints) => scope.assign({ ...assignment, endpoints }),
          onQuery(isAnswered) {
            scope.stats.counter('update_attempt').value++;
            scope.stats.counter(isAnswered ? 'update_success' : 'update_failure').value++;
          },
        });
        return { start: () => refresher.assign(assignment.endpoints), close: () => refresher.close() };
      },
    };
  },
};
