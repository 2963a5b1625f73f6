/** Clusters that every sidecar has: the way through for what the mesh does not know, and the way to nowhere. */
import { create } from '@bufbuild/protobuf';
import type { MeshSettings } from '../../model/mesh.ts';
import { type Cluster, Cluster_DiscoveryType, Cluster_LbPolicy, ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { BindConfigSchema, type SocketAddress, SocketAddressSchema } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { duration } from './any.ts';
import { setLimits } from './cluster-limits.ts';
import { httpOptionsOf, thresholdsOf } from './cluster-policy.ts';
import { memoised } from './memo.ts';
import { NO_LIMITS, poolIn } from './mesh-defaults.ts';
import { BLACK_HOLE, INBOUND_PASSTHROUGH, PASSTHROUGH } from './names.ts';
import { type CompiledResource, resourceOf } from './resource.ts';

/** Idle connections to addresses nobody named are given up after five minutes. */
const PASSTHROUGH_IDLE_MS = 300_000;

/** Source addresses of the proxy's connections to its own application, which interception leaves alone. */
const INBOUND_SOURCE = '127.0.0.6';
const INBOUND_SOURCE_IPV6 = '::6';

/** A cluster to wherever the connection was dialled. */
export function originalDestination(name: string, settings: MeshSettings): Cluster {
  return create(ClusterSchema, {
    name,
    altStatName: `${name};`,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
    connectTimeout: duration(settings.connectTimeoutMs),
    circuitBreakers: { thresholds: [thresholdsOf(undefined, undefined)] },
  });
}

/** Makes `cluster` connect from the address that tells interception "this is the proxy, to its application". */
export function bindToInbound(cluster: Cluster, hasIpv6: boolean): void {
  const extraSourceAddresses = hasIpv6 ? [{ address: socketAddress(INBOUND_SOURCE_IPV6) }] : [];
  cluster.upstreamBindConfig = create(BindConfigSchema, { sourceAddress: socketAddress(INBOUND_SOURCE), extraSourceAddresses });
}

function socketAddress(host: string): SocketAddress {
  return create(SocketAddressSchema, { address: host, portSpecifier: { case: 'portValue', value: 0 } });
}

const PASSTHROUGH_OPTIONS = httpOptionsOf('client', { ...NO_LIMITS, httpIdleTimeoutMs: PASSTHROUGH_IDLE_MS, useClientProtocol: true });

/** A cluster without an endpoint. */
export const blackHole = memoised((settings: MeshSettings): CompiledResource => {
  const type = { case: 'type' as const, value: Cluster_DiscoveryType.STATIC };
  const connectTimeout = duration(settings.connectTimeoutMs);
  const cluster = create(ClusterSchema, { name: BLACK_HOLE, altStatName: `${BLACK_HOLE};`, clusterDiscoveryType: type, connectTimeout });
  return resourceOf(ClusterSchema, BLACK_HOLE, cluster);
});

/** Outgoing connections to where the application dialled. */
export const outboundPassthrough = memoised((settings: MeshSettings): CompiledResource => {
  const cluster = originalDestination(PASSTHROUGH, settings);
  setLimits(cluster, poolIn(settings, undefined));
  cluster.typedExtensionProtocolOptions = PASSTHROUGH_OPTIONS;
  return resourceOf(ClusterSchema, PASSTHROUGH, cluster);
});

/** Incoming connections to ports that no service is known for. */
export const inboundPassthrough = memoised((settings: MeshSettings, hasIpv6: boolean): CompiledResource => {
  const cluster = originalDestination(INBOUND_PASSTHROUGH, settings);
  cluster.typedExtensionProtocolOptions = PASSTHROUGH_OPTIONS;
  bindToInbound(cluster, hasIpv6);
  return resourceOf(ClusterSchema, INBOUND_PASSTHROUGH, cluster);
});
