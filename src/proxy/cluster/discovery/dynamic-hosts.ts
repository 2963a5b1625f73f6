/**
 * `envoy.clusters.dynamic_forward_proxy`: a host for each name that requests ask for. The filters of the same name bring
 * names into the DNS cache that both share; a request whose name is not there has no host.
 */
import { ConfigError } from '../../../core/errors.ts';
import { ClusterConfigSchema } from '../../../xds/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts';
import { decodeTyped } from '../../config/typed-config.ts';
import type { DynamicNames, PickContext } from '../cluster.ts';
import { type DnsCache, type DynamicName, type NameListener, nameKey } from '../dns/dns-cache.ts';
import { readDnsCache } from '../dns/dns-caches.ts';
import { splitAuthority } from '../dns/split-authority.ts';
import { endpointAt, NO_ENDPOINTS } from '../endpoints.ts';
import type { ClusterHost } from '../host.ts';
import type { HttpSettings } from '../http-options.ts';
import { serverNameIn } from '../server-name.ts';
import type { Discovery, DiscoveryKind, DiscoveryScope } from './discovery.ts';

/** Filter state by which filters say where a request goes, whatever its authority is. */
const HOST_STATE = 'envoy.upstream.dynamic_host';
const PORT_STATE = 'envoy.upstream.dynamic_port';

class DynamicHosts implements Discovery, NameListener {
  readonly dynamicNames: DynamicNames;
  readonly #cache: DnsCache;
  readonly #scope: DiscoveryScope;
  readonly #hosts = new Map<string, ClusterHost>();
  #stop: (() => void) | undefined;

  constructor(cache: DnsCache, scope: DiscoveryScope) {
    this.#cache = cache;
    this.#scope = scope;
    this.dynamicNames = { cache, defaultPort: scope.isTls ? 443 : 80 };
  }

  start(): void {
    this.#scope.assign(NO_ENDPOINTS);
    this.#stop = this.#cache.listen(this);
  }

  pick({ info }: PickContext): ClusterHost | undefined {
    const state = info?.filterState;
    const authority = state?.get(HOST_STATE) ?? info?.request?.authority ?? info?.connection.requestedServerName ?? '';
    const wanted = splitAuthority(authority, this.dynamicNames.defaultPort);
    if (wanted === undefined) return undefined;
    const key = nameKey(wanted.host, Number(state?.get(PORT_STATE) ?? wanted.port));
    // asked for, so that it is kept as long as requests need it
    return this.#cache.find(key) === undefined ? undefined : this.#hosts.get(key);
  }

  onName(name: DynamicName): void {
    const [first, ...additional] = name.addresses;
    if (first === undefined) return;
    const host = this.#hosts.get(name.key);
    if (host !== undefined) host.moveTo([first, ...additional]);
    else this.#hosts.set(name.key, this.#scope.add({ ...endpointAt(first), id: name.key, hostname: name.host, additional }));
  }

  onGone(name: DynamicName): void {
    const host = this.#hosts.get(name.key);
    this.#hosts.delete(name.key);
    if (host !== undefined) this.#scope.remove([host]);
  }

  close(): void {
    this.#stop?.();
  }
}

/**
 * Whoever names the host also chooses whom TLS must prove it to be: server name and certificate go by the request, unless
 * the cluster says that it need not be so.
 */
function secureHttp(http: HttpSettings, isInsecureAllowed: boolean, path: string): HttpSettings {
  if (isInsecureAllowed || (http.serverNameOf !== undefined && http.checksSni)) return http;
  if (http.serverNameOf !== undefined || http.checksSni)
    throw new ConfigError(path, 'needs auto_sni and auto_san_validation of the cluster, or allow_insecure_cluster_options');
  return { ...http, serverNameOf: ({ authority }) => serverNameIn(authority), checksSni: true };
}

export const dynamicDiscovery: DiscoveryKind = {
  types: [],
  names: [],
  messages: [ClusterConfigSchema.typeName],
  picksHosts: true,
  read(config, path) {
    const at = `${path}.cluster_type.typed_config`;
    const { value: type } = config.clusterDiscoveryType;
    const message = decodeTyped(typeof type === 'object' ? type.typedConfig : undefined, ClusterConfigSchema, at);
    const { case: kind, value } = message.clusterImplementationSpecifier;
    if (kind !== 'dnsCacheConfig') throw new ConfigError(`${at}.dns_cache_config`, 'is missing');
    readDnsCache(value, `${at}.dns_cache_config`);
    return {
      refineHttp: (http) => secureHttp(http, message.allowInsecureClusterOptions, at),
      create(scope) {
        const caches = scope.dnsCaches;
        if (caches === undefined) throw new ConfigError(at, 'there are no DNS caches here');
        return new DynamicHosts(caches.use(value, `${at}.dns_cache_config`), scope);
      },
    };
  },
};
