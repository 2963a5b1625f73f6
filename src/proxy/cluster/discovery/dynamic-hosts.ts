/**
 * `envoy.clusters.dynamic_forward_proxy`: a host for each name that requests ask for. Names are in a DNS cache that the
 * filters of the same name share, which ask for them first; what they have not asked for, the cluster does.
 */
import { ConfigError } from '../../../core/errors.ts';
import { ClusterConfigSchema } from '../../../xds/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.ts';
import type { NetAddress } from '../../../net/address.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import { decodeTyped } from '../../config/typed-config.ts';
import type { DynamicNames, PickContext } from '../cluster.ts';
import { type DnsCache, type DynamicName, type NameListener, nameKey } from '../dns/dns-cache.ts';
import { readDnsCache } from '../dns/dns-caches.ts';
import { splitAuthority } from '../dns/split-authority.ts';
import { endpointAt, NO_ENDPOINTS } from '../endpoints.ts';
import type { ClusterHost } from '../host.ts';
import type { HttpSettings } from '../http-options.ts';
import { serverNameIn } from '../server-name.ts';
import { clusterTypeOf } from './cluster-type.ts';
import type { Discovery, DiscoveryKind, DiscoveryScope } from './discovery.ts';

/** Filter state by which filters say where a request goes, whatever its authority is. */
const HOST_STATE = 'envoy.upstream.dynamic_host';
const PORT_STATE = 'envoy.upstream.dynamic_port';

class DynamicHosts implements Discovery, NameListener, DynamicNames {
  readonly defaultPort: number;
  readonly #cache: DnsCache;
  readonly #scope: DiscoveryScope;
  readonly #hosts = new Map<string, ClusterHost>();
  #stop: (() => void) | undefined;

  constructor(cache: DnsCache, scope: DiscoveryScope) {
    this.#cache = cache;
    this.#scope = scope;
    this.defaultPort = scope.isTls ? 443 : 80;
  }

  start(): void {
    this.#scope.assign(NO_ENDPOINTS);
    this.#stop = this.#cache.listen(this);
  }

  get dynamicNames(): DynamicNames {
    return this;
  }

  pick({ info }: PickContext): ClusterHost | undefined {
    const name = this.#find(info);
    return name === undefined ? undefined : this.#hosts.get(name.key);
  }

  whenKnown(info: StreamInfo, onKnown: () => void): boolean {
    const wanted = this.#wanted(info);
    return wanted === undefined || typeof this.#cache.load(wanted.host, wanted.port, onKnown) !== 'function';
  }

  failureOf(info: StreamInfo): string {
    return this.#find(info)?.failure ?? '';
  }

  #find(info: StreamInfo | undefined): DynamicName | undefined {
    const wanted = this.#wanted(info);
    return wanted && this.#cache.find(nameKey(wanted.host, wanted.port));
  }

  #wanted(info: StreamInfo | undefined): NetAddress | undefined {
    const state = info?.filterState;
    const authority = state?.get(HOST_STATE) ?? info?.request?.authority ?? info?.connection.requestedServerName ?? '';
    const wanted = splitAuthority(authority, this.defaultPort);
    const port = state?.get(PORT_STATE);
    return wanted === undefined || port === undefined ? wanted : { host: wanted.host, port: Number(port) };
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
    const message = decodeTyped(clusterTypeOf(config), ClusterConfigSchema, at);
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
