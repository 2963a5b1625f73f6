import { ConfigError } from '../../../core/errors.ts';
import type { Cluster as ClusterProto } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { DnsLookupFamily } from '../../../xds/gen/envoy/extensions/clusters/common/dns/v3/dns_pb.ts';
import { type DnsCluster, DnsClusterSchema } from '../../../xds/gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts';
import { decodeTyped } from '../../config/typed-config.ts';
import type { RefreshSettings } from '../dns/name-watch.ts';
import { readFamily, readRefresh } from '../dns/refresh-settings.ts';
import { readResolver } from '../dns/resolver-config.ts';
import type { AddressFamily, NameResolver } from '../dns/resolver.ts';
import { clusterTypeOf } from './cluster-type.ts';

/** How a cluster's names are resolved. */
export interface DnsSettings {
  readonly refresh: RefreshSettings;
  /** Undefined: the scope's. */
  readonly resolver: NameResolver | undefined;
  /** One host a name, with all of its addresses, instead of a host each. */
  readonly isLogical: boolean;
}

const FAMILIES = new Map<DnsLookupFamily, AddressFamily>([
  [DnsLookupFamily.UNSPECIFIED, 'auto'],
  [DnsLookupFamily.AUTO, 'auto'],
  [DnsLookupFamily.V4_ONLY, 'v4'],
  [DnsLookupFamily.V6_ONLY, 'v6'],
  [DnsLookupFamily.V4_PREFERRED, 'v4-preferred'],
  [DnsLookupFamily.ALL, 'all'],
]);

function ofExtension(message: DnsCluster, config: ClusterProto, path: string): DnsSettings {
  const family = FAMILIES.get(message.dnsLookupFamily);
  if (family === undefined) throw new ConfigError(`${path}.dns_lookup_family`, `${message.dnsLookupFamily} is not known`);
  return {
    refresh: readRefresh(message, family, path),
    resolver: readResolver(message, path) ?? readResolver(config, ''),
    isLogical: message.allAddressesInSingleEndpoint,
  };
}

/** The settings of a cluster, from its own fields or from a DnsCluster in `cluster_type`; `isLogical` where its type says so. */
export function readDnsSettings(config: ClusterProto, isLogical: boolean, path: string): DnsSettings {
  const typed = clusterTypeOf(config);
  if (typed !== undefined) {
    const at = `${path}.cluster_type.typed_config`;
    return ofExtension(decodeTyped(typed, DnsClusterSchema, at), config, at);
  }
  return {
    refresh: readRefresh(config, readFamily(config.dnsLookupFamily, path), path),
    resolver: readResolver(config, path),
    isLogical,
  };
}
