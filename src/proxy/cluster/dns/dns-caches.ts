/** DnsCacheConfig, and the caches of a proxy: clusters and filters that name the same one share it. */
import { equals } from '@bufbuild/protobuf';
import type { Clock, Random } from '../../../core/clock.ts';
import { ConfigError } from '../../../core/errors.ts';
import {
  type DnsCacheConfig,
  DnsCacheConfigSchema,
} from '../../../xds/gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.ts';
import { positiveDurationMs } from '../../config/durations.ts';
import type { StatsScope } from '../../telemetry/stats.ts';
import { DnsCache, type DnsCacheSettings } from './dns-cache.ts';
import { readFamily, readRefresh } from './refresh-settings.ts';
import { readResolver } from './resolver-config.ts';
import { type NameResolver, systemResolver } from './resolver.ts';

/** Envoy's defaults. */
const HOST_TTL_MS = 300_000;
const QUERY_TIMEOUT_MS = 5000;
const REFRESH_MS = 60_000;
const MIN_REFRESH_MS = 5000;
const MAX_HOSTS = 1024;
const MAX_PENDING = 1024;

/** Reads a configuration; `path` is its own. Throws ConfigError. */
export function readDnsCache(config: DnsCacheConfig, path: string, machine: NameResolver = systemResolver): DnsCacheSettings {
  if (config.name === '') throw new ConfigError(`${path}.name`, 'is empty');
  const refresh = readRefresh({ ...config, respectDnsTtl: true }, readFamily(config.dnsLookupFamily, path), path);
  return {
    name: config.name,
    refresh: {
      ...refresh,
      refreshMs: positiveDurationMs(config.dnsRefreshRate, REFRESH_MS, `${path}.dns_refresh_rate`),
      minRefreshMs: positiveDurationMs(config.dnsMinRefreshRate, MIN_REFRESH_MS, `${path}.dns_min_refresh_rate`),
    },
    resolver: readResolver(config, path) ?? machine,
    hostTtlMs: positiveDurationMs(config.hostTtl, HOST_TTL_MS, `${path}.host_ttl`),
    maxHosts: config.maxHosts ?? MAX_HOSTS,
    queryTimeoutMs: positiveDurationMs(config.dnsQueryTimeout, QUERY_TIMEOUT_MS, `${path}.dns_query_timeout`),
    maxPending: config.dnsCacheCircuitBreaker?.maxPendingRequests ?? MAX_PENDING,
    forgetsFailures: config.disableDnsRefreshOnFailure,
    wantedAlways: config.preresolveHostnames.map(({ address, portSpecifier: port }, i) => {
      if (port.case !== 'portValue') throw new ConfigError(`${path}.preresolve_hostnames[${i}]`, 'port_value is missing');
      return { host: address, port: port.value };
    }),
  };
}

interface DnsCachesScope {
  readonly clock: Clock;
  readonly random: Random;
  readonly stats: StatsScope;
  /** For caches that name none; undefined: the machine's. */
  readonly resolver?: NameResolver | undefined;
}

/** The caches of a proxy by their names, each as long as the proxy. */
export class DnsCaches {
  readonly #scope: DnsCachesScope;
  readonly #byName = new Map<string, { readonly config: DnsCacheConfig; readonly cache: DnsCache }>();

  /** `stats` is the registry's root. */
  constructor(scope: DnsCachesScope) {
    this.#scope = scope;
  }

  /** The cache that a configuration names. Throws ConfigError where one of that name has another configuration. */
  use(config: DnsCacheConfig, path: string): DnsCache {
    const known = this.#byName.get(config.name);
    if (known === undefined) {
      const cache = new DnsCache(readDnsCache(config, path, this.#scope.resolver), {
        ...this.#scope,
        stats: this.#scope.stats.scope(`dns_cache.${config.name}`),
      });
      this.#byName.set(config.name, { config, cache });
      return cache;
    }
    if (!equals(DnsCacheConfigSchema, known.config, config))
      throw new ConfigError(`${path}.name`, `the DNS cache "${config.name}" is there with other settings`);
    return known.cache;
  }

  close(): void {
    for (const { cache } of this.#byName.values()) cache.close();
    this.#byName.clear();
  }
}
