/**
 * The source addresses of a cluster's connections: `upstream_bind_config`. Of several the first of the host's family
 * is taken, else the first (Envoy's default local address selector).
 */
import { ConfigError } from '../../core/errors.ts';
import type { Cluster as ClusterProto } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { SocketAddress } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';

function readSource(source: SocketAddress | undefined, path: string): string[] {
  if (source === undefined) return [];
  const { case: specifier, value } = source.portSpecifier;
  if (specifier === 'portValue' && value !== 0) throw new ConfigError(`${path}.port_value`, `${value}: only 0 (any port) is supported`);
  return [source.address];
}

/** The addresses to choose from; none leaves it to the kernel, as ports are. `path` is the cluster's. Throws ConfigError. */
export function readSourceAddresses({ upstreamBindConfig: config }: ClusterProto, path: string): readonly string[] {
  if (config === undefined) return [];
  const at = `${path}.upstream_bind_config`;
  return [
    ...readSource(config.sourceAddress, `${at}.source_address`),
    ...config.extraSourceAddresses.flatMap(({ address }, i) => readSource(address, `${at}.extra_source_addresses[${i}].address`)),
  ];
}

/** The address to connect to `host` from; undefined for any. */
export function sourceTo(addresses: readonly string[], host: string): string | undefined {
  if (addresses.length === 0) return undefined;
  const isIpv6 = host.includes(':');
  return addresses.find((address) => address.includes(':') === isIpv6) ?? addresses[0];
}
