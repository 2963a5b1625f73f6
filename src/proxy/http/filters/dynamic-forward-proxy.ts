/**
 * Resolves the name that a request is for, before a cluster of dynamic hosts is asked for one. Envoy:
 * envoy.filters.http.dynamic_forward_proxy.
 */
import { ConfigError } from '../../../core/errors.ts';
import {
  type FilterConfig,
  FilterConfigSchema,
  PerRouteConfigSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts';
import type { DnsCacheConfig } from '../../../xds/gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.ts';
import { formatAddress } from '../../../net/address.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import type { DnsCache, DynamicName } from '../../cluster/dns/dns-cache.ts';
import { readDnsCache } from '../../cluster/dns/dns-caches.ts';
import { splitAuthority } from '../../cluster/dns/split-authority.ts';
import { messageAs } from '../../config/typed-config.ts';
import {
  CONTINUE,
  type FilterScope,
  type FilterStatus,
  type HttpFilter,
  type HttpFilterHandlers,
  type HttpStream,
  type LocalReply,
  REPLIED,
  STOP,
} from '../filter.ts';

const NAME = 'envoy.filters.http.dynamic_forward_proxy';
const HOST_STATE = 'envoy.upstream.dynamic_host';
const PORT_STATE = 'envoy.upstream.dynamic_port';
/** Envoy's filter state of the address that a name came to. */
const ADDRESS_STATE = 'envoy.stream.upstream_address';

const PENDING_OVERFLOW: LocalReply = {
  status: 503,
  body: 'Dynamic forward proxy pending request overflow',
  details: 'dynamic_forward_proxy_pending_request_overflow',
};
const CACHE_OVERFLOW: LocalReply = { status: 503, body: 'DNS cache overflow', details: 'dns_cache_overflow' };

function unresolved({ failure }: DynamicName): LocalReply {
  return { status: 503, body: 'DNS resolution failure', details: `dns_resolution_failure{${failure}}`, flag: 'DF' };
}

/** What a route asks for: another authority. */
type Rewrite = (stream: HttpStream) => void;

function parseRoute(given: unknown, path: string): Rewrite {
  const { hostRewriteSpecifier: rewrite } = messageAs(PerRouteConfigSchema, given, path);
  const { case: kind, value = '' } = rewrite;
  if (kind === undefined || value === '') return () => {};
  if (kind === 'hostRewriteLiteral') return ({ request }) => void (request.authority = value);
  const name = value.toLowerCase();
  return ({ request }) => {
    const wanted = request.headers.get(name);
    if (wanted !== undefined && wanted !== '') request.authority = wanted;
  };
}

interface Settings {
  readonly cache: DnsCacheConfig;
  readonly path: string;
  readonly savesAddress: boolean;
  readonly obeysFilterState: boolean;
}

function parse(message: FilterConfig, path: string): Settings {
  const { case: kind, value } = message.implementationSpecifier;
  if (kind !== 'dnsCacheConfig') throw new ConfigError(`${path}.dns_cache_config`, 'is missing');
  const at = `${path}.dns_cache_config`;
  readDnsCache(value, at);
  return { cache: value, path: at, savesAddress: message.saveUpstreamAddress, obeysFilterState: message.allowDynamicHostFromFilterState };
}

class Resolving implements HttpFilterHandlers {
  readonly #settings: Settings;
  readonly #scope: FilterScope;
  readonly #cache: DnsCache;
  /** How requests that wait are given up. */
  readonly #waiting = new WeakMap<HttpStream, () => void>();

  constructor(settings: Settings, scope: FilterScope) {
    const caches = scope.clusters.dnsCaches;
    if (caches === undefined) throw new ConfigError(settings.path, 'there are no DNS caches here');
    this.#settings = settings;
    this.#scope = scope;
    this.#cache = caches.use(settings.cache, settings.path);
  }

  onRequestHeaders(stream: HttpStream): FilterStatus {
    const { clusterName } = stream.info;
    const cluster = this.#scope.clusters.get(clusterName);
    return cluster === undefined ? this.#askForCluster(stream, clusterName) : this.#resolve(stream, cluster);
  }

  /** A cluster that comes when it is needed may be one of dynamic hosts: nobody knows before it is there. */
  #askForCluster(stream: HttpStream, name: string): FilterStatus {
    const { clusters } = this.#scope;
    const ofFilter = stream.clusterWaitMs ?? 0;
    const waitMs = ofFilter > 0 ? ofFilter : (clusters.onDemandMs ?? 0);
    if (waitMs <= 0 || name === '') return CONTINUE;
    let isGivenUp = false;
    this.#waiting.set(stream, () => (isGivenUp = true));
    clusters.request(name, waitMs, (found) => {
      if (isGivenUp) return;
      this.#waiting.delete(stream);
      if (found === undefined || this.#resolve(stream, found) === CONTINUE) stream.resumeRequest();
    });
    return STOP;
  }

  #resolve(stream: HttpStream, { dynamicNames: names }: Cluster): FilterStatus {
    if (names === undefined) return CONTINUE;
    const rewrite = stream.perRoute(this.#scope.name);
    if (typeof rewrite === 'function') Reflect.apply(rewrite, undefined, [stream]);
    const release = this.#cache.admit();
    if (release === undefined) return this.#refuse(stream, PENDING_OVERFLOW);
    const wanted = this.#wanted(stream, names.defaultPort);
    if (wanted === undefined) {
      release();
      return CONTINUE;
    }
    const loaded = this.#cache.load(wanted.host, wanted.port, (name) => this.#known(stream, name));
    if (typeof loaded === 'function') {
      this.#waiting.set(stream, () => {
        release();
        loaded();
      });
      return STOP;
    }
    release();
    if (loaded === 'overflow') return this.#refuse(stream, CACHE_OVERFLOW);
    return this.#accept(stream, loaded) ? CONTINUE : REPLIED;
  }

  onComplete(stream: HttpStream): void {
    this.#giveUp(stream);
  }

  #wanted({ request, info }: HttpStream, defaultPort: number): { host: string; port: number } | undefined {
    const state = this.#settings.obeysFilterState ? info.filterState : undefined;
    const wanted = splitAuthority(state?.get(HOST_STATE) ?? request.authority, defaultPort);
    const port = state?.get(PORT_STATE);
    return wanted === undefined || port === undefined ? wanted : { host: wanted.host, port: Number(port) };
  }

  #refuse(stream: HttpStream, reply: LocalReply): FilterStatus {
    stream.reply(reply);
    return REPLIED;
  }

  #giveUp(stream: HttpStream): void {
    this.#waiting.get(stream)?.();
    this.#waiting.delete(stream);
  }

  #known(stream: HttpStream, name: DynamicName): void {
    this.#giveUp(stream);
    if (this.#accept(stream, name)) stream.resumeRequest();
  }

  /** False where the request was answered instead. */
  #accept(stream: HttpStream, name: DynamicName): boolean {
    const [first] = name.addresses;
    if (first === undefined) {
      stream.reply(unresolved(name));
      return false;
    }
    if (this.#settings.savesAddress) (stream.info.filterState ??= new Map()).set(ADDRESS_STATE, formatAddress(first));
    return true;
  }
}

export const dynamicForwardProxy: HttpFilter<typeof FilterConfigSchema, Settings> = {
  name: NAME,
  schema: FilterConfigSchema,
  parse,
  routeSchema: PerRouteConfigSchema,
  parseRoute,
  create: (settings, scope) => new Resolving(settings, scope),
};
