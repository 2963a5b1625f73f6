/** `typed_dns_resolver_config`, and the older `dns_resolution_config`: who is asked for names. */
import { ConfigError } from '../../../core/errors.ts';
import type { NetAddress } from '../../../net/address.ts';
import type { Address } from '../../../xds/gen/envoy/config/core/v3/address_pb.ts';
import type { TypedExtensionConfig } from '../../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import type { DnsResolutionConfig, DnsResolverOptions } from '../../../xds/gen/envoy/config/core/v3/resolver_pb.ts';
import { CaresDnsResolverConfigSchema } from '../../../xds/gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.ts';
import { GetAddrInfoDnsResolverConfigSchema } from '../../../xds/gen/envoy/extensions/network/dns_resolver/getaddrinfo/v3/getaddrinfo_dns_resolver_pb.ts';
import { decodeTyped, typeNameOf } from '../../config/typed-config.ts';
import { readAddress } from '../endpoints.ts';
import { createResolver, type NameResolver } from './resolver.ts';

/** Port of name servers where their address says 0. */
const DNS_PORT = 53;

function readServers(resolvers: readonly Address[], path: string): readonly NetAddress[] {
  return resolvers.map((resolver, i) => {
    const { host, port } = readAddress(resolver, `${path}.resolvers[${i}]`);
    return { host, port: port === 0 ? DNS_PORT : port };
  });
}

function refuseTcp(options: DnsResolverOptions | undefined, path: string): void {
  if (options?.useTcpForDnsLookups === true)
    throw new ConfigError(`${path}.dns_resolver_options.use_tcp_for_dns_lookups`, 'is not supported by Tulle: UDP comes first');
}

function readCares(any: Parameters<typeof decodeTyped>[0], path: string): NameResolver | undefined {
  const { resolvers, dnsResolverOptions: options, queryTimeoutSeconds, queryTries } = decodeTyped(any, CaresDnsResolverConfigSchema, path);
  refuseTcp(options, path);
  const isPlain = resolvers.length === 0 && queryTimeoutSeconds === undefined && queryTries === undefined;
  if (isPlain && options?.noDefaultSearchDomain !== true) return undefined;
  return createResolver({
    servers: readServers(resolvers, path),
    queryTimeoutMs: queryTimeoutSeconds === undefined ? undefined : Number(queryTimeoutSeconds) * 1000,
    tries: queryTries,
    usesSearchDomains: options?.noDefaultSearchDomain !== true,
  });
}

function readOlder({ resolvers, dnsResolverOptions: options }: DnsResolutionConfig, path: string): NameResolver {
  refuseTcp(options, path);
  return createResolver({
    servers: readServers(resolvers, path),
    queryTimeoutMs: undefined,
    tries: undefined,
    usesSearchDomains: options?.noDefaultSearchDomain !== true,
  });
}

export interface ResolverConfig {
  readonly typedDnsResolverConfig?: TypedExtensionConfig | undefined;
  readonly dnsResolutionConfig?: DnsResolutionConfig | undefined;
}

/**
 * The resolver that a configuration asks for; undefined: the machine's. `path` is what holds these fields. Throws
 * ConfigError for kinds of resolvers other than c-ares and getaddrinfo.
 */
export function readResolver(config: ResolverConfig, path: string): NameResolver | undefined {
  const typed = config.typedDnsResolverConfig?.typedConfig;
  if (typed === undefined) return config.dnsResolutionConfig && readOlder(config.dnsResolutionConfig, `${path}.dns_resolution_config`);
  const at = `${path}.typed_dns_resolver_config.typed_config`;
  const type = typeNameOf(typed);
  if (type === CaresDnsResolverConfigSchema.typeName) return readCares(typed, at);
  if (type !== GetAddrInfoDnsResolverConfigSchema.typeName)
    throw new ConfigError(at, `${type} is not supported by Tulle: only c-ares and getaddrinfo are`);
  decodeTyped(typed, GetAddrInfoDnsResolverConfigSchema, at);
  return undefined;
}
