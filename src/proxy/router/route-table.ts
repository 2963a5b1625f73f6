/** A RouteConfiguration compiled to tables and closures: nothing is parsed or looked up by name in a request. */
import { ConfigError } from '../../core/errors.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import {
  type VirtualHost,
  VirtualHost_TlsRequirementType as TlsRequirement,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { HttpFilter } from '../http/filter.ts';
import { compileMirrors, type Mirrors, NO_MIRRORS } from './forward-action.ts';
import { chainMutations, compileMutations } from './header-mutations.ts';
import { headerReader } from './matchers.ts';
import { pathEnd } from './path-match.ts';
import { compilePerFilter, NO_FILTERS, type PerFilter } from './per-filter-config.ts';
import { clientScheme } from './redirect.ts';
import { compileRateLimits } from './rate-limit-policy.ts';
import { compileHedge, compileRetryPolicy } from './retry-config.ts';
import { bufferLimit, type CompiledRoute, compileRoute, type RouteScope } from './route-entry.ts';
import { createRouteIndex } from './route-index.ts';
import type { CountedAs } from './request-stats.ts';
import type { HeaderMutations, MatchInfo, RouteEntry, RouteTable } from './route.ts';
import { compileVirtualClusters, countedIn } from './virtual-clusters.ts';
import { compileDomains } from './virtual-hosts.ts';

/** A table that also says which clusters it names, for whoever gets clusters on demand. */
export interface BuiltRouteTable extends RouteTable {
  readonly clusters: ReadonlySet<string>;
}

const DEFAULT_DIRECT_RESPONSE_BYTES = 4096;
/** What is kept of a request for a retry, where `per_request_buffer_limit_bytes` does not say. */
const DEFAULT_RETRY_BUFFER_BYTES = 1024 * 1024;

/** What all virtual hosts of a table have in common. */
export interface TableScope {
  readonly filters: readonly HttpFilter[];
  readonly perFilter: PerFilter;
  readonly headers: HeaderMutations | undefined;
  readonly mostSpecificWins: boolean;
  readonly mirrors: Mirrors;
  readonly directResponseBytesMax: number;
  readonly prefix: string;
}

/** A virtual host, ready to be asked. */
export interface CompiledHost {
  readonly routes: readonly CompiledRoute[];
  /** The first route that matches. */
  readonly find: (path: string, matches: (route: CompiledRoute) => boolean) => CompiledRoute | undefined;
  /** Redirects to https what came without TLS, where the host demands it. */
  readonly tlsRedirect: ((head: RequestHead) => boolean) | undefined;
  readonly redirect: RouteEntry | undefined;
  /** Names under which its requests are counted besides their clusters. */
  readonly counted: readonly CountedAs[];
}

/** A redirect of everything to https, Envoy's answer where `require_tls` is not met. */
function tlsRedirectEntry(virtualHostName: string): RouteEntry {
  return {
    name: '',
    virtualHostName,
    action: { kind: 'redirect', status: 301, location: (head) => `https://${head.authority}${head.path}` },
    headers: undefined,
    perFilter: NO_FILTERS,
    metadata: {},
    retryBufferBytes: 0,
  };
}

/** Which requests a virtual host sends to https; undefined: none. */
export function tlsDemand(host: VirtualHost): CompiledHost['tlsRedirect'] {
  switch (host.requireTls) {
    case TlsRequirement.ALL:
      return (head) => clientScheme(head) !== 'https';
    case TlsRequirement.EXTERNAL_ONLY:
      return (head) => clientScheme(head) !== 'https' && head.headers.get('x-envoy-internal') !== 'true';
    default:
      return undefined;
  }
}

function scopeOf(host: VirtualHost, table: TableScope, path: string): RouteScope {
  const own = compileMutations(host, path);
  return {
    virtualHostName: host.name,
    filters: table.filters,
    perFilter: compilePerFilter(host.typedPerFilterConfig, table.perFilter, table.filters, path),
    retry: compileRetryPolicy(host.retryPolicy, `${path}.retry_policy`),
    hedge: compileHedge(host.hedgePolicy, `${path}.hedge_policy`),
    mirrors: compileMirrors(host.requestMirrorPolicies, table.mirrors, `${path}.request_mirror_policies`),
    rateLimits: compileRateLimits(host.rateLimits, `${path}.rate_limits`),
    virtualClusters: compileVirtualClusters(host.virtualClusters, host.name, `${path}.virtual_clusters`),
    metadata: host.metadata?.filterMetadata ?? {},
    retryBufferBytes: bufferLimit(host, DEFAULT_RETRY_BUFFER_BYTES),
    directResponseBytesMax: table.directResponseBytesMax,
    sendsAttemptCount: host.includeRequestAttemptCount,
    answersAttemptCount: host.includeAttemptCountInResponse,
    sendsTimeoutRetry: host.includeIsTimeoutRetryHeader,
    order(cluster, route) {
      // the one that is applied last wins
      const levels = [cluster, route, own, table.headers];
      return chainMutations(table.mostSpecificWins ? levels.toReversed() : levels);
    },
  };
}

/** Compiles a virtual host; `path` is its own. Throws ConfigError naming the field. */
export function compileHost(host: VirtualHost, table: TableScope, path: string): CompiledHost {
  const scope = scopeOf(host, table, path);
  const tlsRedirect = tlsDemand(host);
  const routes = host.routes.map((route, i) => compileRoute(route, scope, `${path}.routes[${i}]`));
  return {
    routes,
    find: createRouteIndex(routes),
    tlsRedirect,
    redirect: tlsRedirect === undefined ? undefined : tlsRedirectEntry(host.name),
    counted: countedIn(
      scope.virtualClusters,
      routes.map(({ entry }) => entry),
    ),
  };
}

function withoutParameters(path: string): string {
  return path.includes(';') ? path.replace(/;[^/]*/g, '') : path;
}

/** The path that routes are matched with: without query and fragment, and parameters where they do not count. */
export function matchedPath(head: RequestHead, ignoresParameters: boolean): string {
  const end = pathEnd(head.path);
  const plain = end === head.path.length ? head.path : head.path.slice(0, end);
  return ignoresParameters ? withoutParameters(plain) : plain;
}

/** The route of a virtual host for a request. */
export function matchInHost(
  host: CompiledHost,
  head: RequestHead,
  random: number,
  info: MatchInfo,
  ignoresParameters: boolean,
): RouteEntry | undefined {
  if (host.tlsRedirect?.(head) === true) return host.redirect;
  const requestPath = matchedPath(head, ignoresParameters);
  return host.find(requestPath, (route) => route.matches(head, requestPath, random, info))?.entry;
}

function refuseDuplicates(config: RouteConfiguration, prefix: string): void {
  const names = new Set<string>();
  config.virtualHosts.forEach(({ name }, i) => {
    if (names.has(name)) throw new ConfigError(`${prefix}virtual_hosts[${i}].name`, `"${name}" stands twice`);
    names.add(name);
  });
}

/** How a table finds what belongs to a request's host. `prefix` is the configuration's, with its dot. */
export function compileHostLookup<T>(
  config: RouteConfiguration,
  hosts: readonly { readonly domains: readonly string[]; readonly value: T }[],
  prefix: string,
): (head: RequestHead) => T | undefined {
  const find = compileDomains(hosts, config.ignorePortInHostMatching, prefix);
  const hostOf = hostReader(config);
  return (head) => {
    const name = hostOf(head);
    return name === undefined ? undefined : find(name);
  };
}

/** What of a request names its host: its authority, or `vhost_header`. */
export function hostReader({ vhostHeader }: RouteConfiguration): (head: RequestHead) => string | undefined {
  return vhostHeader === '' ? (head) => head.authority : headerReader(vhostHeader.toLowerCase());
}

/** Compiles what all virtual hosts of a table share. Throws ConfigError naming the field. */
export function tableScope(config: RouteConfiguration, path: string, filters: readonly HttpFilter[]): TableScope {
  const prefix = path === '' ? '' : `${path}.`;
  if (config.validateClusters === true)
    throw new ConfigError(`${prefix}validate_clusters`, 'is not supported by Tulle: clusters may come later');
  return {
    filters,
    perFilter: compilePerFilter(config.typedPerFilterConfig, NO_FILTERS, filters, path),
    headers: compileMutations(config, path),
    mostSpecificWins: config.mostSpecificHeaderMutationsWins,
    mirrors: compileMirrors(config.requestMirrorPolicies, NO_MIRRORS, `${prefix}request_mirror_policies`),
    directResponseBytesMax: config.maxDirectResponseBodySizeBytes ?? DEFAULT_DIRECT_RESPONSE_BYTES,
    prefix,
  };
}

/** `internal_only_headers` as a table answers for them; nothing where there are none. */
export function internalOnly({ internalOnlyHeaders }: RouteConfiguration): Pick<RouteTable, 'internalOnlyHeaders'> {
  const names = internalOnlyHeaders.map((name) => name.toLowerCase());
  return names.length === 0 ? {} : { internalOnlyHeaders: () => names };
}

/**
 * Compiles a route configuration. `path` is the configuration's own path in its resource ('' for RDS), `filters` the
 * HTTP filters that Tulle has, for `typed_per_filter_config`. Throws ConfigError naming the field.
 */
export function buildRouteTable(config: RouteConfiguration, path: string, filters: readonly HttpFilter[]): BuiltRouteTable {
  const prefix = path === '' ? '' : `${path}.`;
  refuseDuplicates(config, prefix);
  if (config.vhds !== undefined) throw new ConfigError(`${prefix}vhds`, 'is supported by Tulle only in route configurations of RDS');
  const scope = tableScope(config, path, filters);
  const hosts = config.virtualHosts.map((host, i) => ({
    domains: host.domains,
    value: compileHost(host, scope, `${prefix}virtual_hosts[${i}]`),
  }));
  const findHost = compileHostLookup(config, hosts, prefix);
  const ignoresParameters = config.ignorePathParametersInPathMatching;
  return {
    name: config.name,
    clusters: new Set(hosts.flatMap(({ value }) => value.routes.flatMap((route) => route.clusters))),
    counted: hosts.flatMap(({ value }) => value.counted),
    ...internalOnly(config),
    match(head, random, info) {
      const host = findHost(head);
      return host === undefined ? undefined : matchInHost(host, head, random, info, ignoresParameters);
    },
  };
}
