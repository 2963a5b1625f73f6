/**
 * Hosts under a wildcard that are looked up when they are called (`resolution: DYNAMIC_DNS`): Envoy's dynamic forward
 * proxy. All of them share one cache, so that one filter serves every route.
 */
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  type Cluster,
  Cluster_CustomClusterTypeSchema,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
} from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { type Filter, FilterSchema } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { ClusterConfigSchema } from '../../xds/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts';
import { DnsCacheConfigSchema } from '../../xds/gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.ts';
import { FilterConfigSchema as HttpConfigSchema } from '../../xds/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts';
import { FilterConfigSchema as SniConfigSchema } from '../../xds/gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.ts';
import { type Extension, extension } from './any.ts';
import type { View } from './imports.ts';
import { memoised } from './memo.ts';
import type { Scope } from './scope.ts';
import { queried } from './trace.ts';

const CACHE = create(DnsCacheConfigSchema, { name: 'dynamic_dns', dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED });

const isAnyDynamic = memoised((called: View['called']): boolean =>
  [...called.values()].some(({ resolution }) => resolution === 'dynamic-dns'),
);

/** True where an application that may call what a scope shows may call hosts that are looked up then. */
export const hasDynamicHosts = queried(({ visible }: Scope): boolean => isAnyDynamic(visible.called));

/** Makes a cluster look up the host that is called; `isLax` where TLS does not hold the certificate to it. */
export function lookUpCalled(cluster: Cluster, isLax: boolean): void {
  const config = create(ClusterConfigSchema, {
    clusterImplementationSpecifier: { case: 'dnsCacheConfig', value: CACHE },
    allowInsecureClusterOptions: isLax,
  });
  const value = create(Cluster_CustomClusterTypeSchema, {
    name: 'envoy.clusters.dynamic_forward_proxy',
    typedConfig: anyPack(ClusterConfigSchema, config),
  });
  cluster.clusterDiscoveryType = { case: 'clusterType', value };
  cluster.lbPolicy = Cluster_LbPolicy.CLUSTER_PROVIDED;
}

/** The HTTP filter that waits for the lookup of `Host`, on routes to such clusters. */
export function dynamicHostFilter(): Extension {
  return extension('envoy.filters.http.dynamic_forward_proxy', HttpConfigSchema, {
    implementationSpecifier: { case: 'dnsCacheConfig', value: CACHE },
  });
}

/** The network filter that waits for the lookup of the server name. */
export function dynamicServerNameFilter(port: number): Filter {
  const config = extension('envoy.filters.network.sni_dynamic_forward_proxy', SniConfigSchema, {
    dnsCacheConfig: CACHE,
    portSpecifier: { case: 'portValue', value: port },
  });
  return create(FilterSchema, config);
}
