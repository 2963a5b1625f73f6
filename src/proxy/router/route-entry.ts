/** Compiles one route: what it matches, and what is done with a request that matches. Envoy: config.route.v3.Route. */
import { create } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import {
  type DirectResponseAction,
  RedirectActionSchema,
  type Route,
  type RouteMatch,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { liveShare } from '../config/live-values.ts';
import { compileRouteTrace } from '../tracing/route-trace.ts';
import { isUnbudgeted } from '../cluster/retry-rate.ts';
import type { HttpFilter } from '../http/filter.ts';
import { compileBodyFormat } from '../telemetry/format-body.ts';
import { readDataSource } from '../tls/data-source.ts';
import { compileForward, type Mirrors } from './forward-action.ts';
import { setCookieMutations } from './hash-cookie.ts';
import { chainMutations, compileMutations } from './header-mutations.ts';
import { compileConditions } from './match-conditions.ts';
import { ANYWHERE, compilePathMatch, type PathMatch } from './path-match.ts';
import { compilePerFilter, type PerFilter } from './per-filter-config.ts';
import { compileRateLimits, type RateLimitPolicy } from './rate-limit-policy.ts';
import { compileRedirect } from './redirect.ts';
import type { HeaderMutations, HedgePolicy, MatchInfo, RetryPolicy, RouteAction, RouteEntry } from './route.ts';
import type { VirtualClusters } from './virtual-clusters.ts';

/** What routes inherit from their virtual host and table. */
export interface RouteScope {
  readonly virtualHostName: string;
  readonly filters: readonly HttpFilter[];
  readonly perFilter: PerFilter;
  readonly retry: RetryPolicy | undefined;
  readonly hedge: HedgePolicy | undefined;
  readonly mirrors: Mirrors;
  readonly rateLimits: readonly RateLimitPolicy[];
  readonly virtualClusters: VirtualClusters | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly retryBufferBytes: number;
  readonly directResponseBytesMax: number;
  readonly sendsAttemptCount: boolean;
  readonly answersAttemptCount: boolean;
  readonly sendsTimeoutRetry: boolean;
  /** Puts the changes of a weighted cluster and a route in order with those above them. */
  order(cluster: HeaderMutations | undefined, route: HeaderMutations | undefined): HeaderMutations | undefined;
}

export interface CompiledRoute {
  readonly entry: RouteEntry;
  readonly path: PathMatch;
  matches(head: RequestHead, path: string, random: number, info: MatchInfo): boolean;
  /** Clusters that the route names. */
  readonly clusters: readonly string[];
}

function compileMatch(match: RouteMatch, pathMatch: PathMatch, path: string): CompiledRoute['matches'] {
  const tests = compileConditions(match, path);
  const { runtimeFraction: fraction } = match;
  const share = liveShare(fraction, 1);
  const { test: testPath, isConnect } = pathMatch;
  if (tests.length === 0 && fraction === undefined && !isConnect) return (_head, requestPath) => testPath(requestPath);
  return (head, requestPath, random, info) => {
    if (!testPath(requestPath) || random >= share.value || (isConnect && head.method !== 'CONNECT')) return false;
    for (const test of tests) if (!test(head, info)) return false;
    return true;
  };
}

/** How many bytes of a request are kept for retries, where the level says so. */
export function bufferLimit(
  level: { readonly requestBodyBufferLimit?: bigint | undefined; readonly perRequestBufferLimitBytes?: number | undefined },
  above: number,
): number {
  return level.requestBodyBufferLimit === undefined ? (level.perRequestBufferLimitBytes ?? above) : Number(level.requestBodyBufferLimit);
}

function compileDirect(action: DirectResponseAction, bytesMax: number, path: string): RouteAction {
  if (action.status < 200 || action.status > 599) throw new ConfigError(`${path}.status`, `${action.status} is not in [200, 599]`);
  const body = action.body === undefined ? '' : readDataSource(action.body, `${path}.body`);
  const bytes = Buffer.byteLength(body);
  if (bytes > bytesMax)
    throw new ConfigError(`${path}.body`, `${bytes} bytes are more than max_direct_response_body_size_bytes, ${bytesMax}`);
  const format = compileBodyFormat(action.bodyFormat, `${path}.body_format`);
  return { kind: 'direct', status: action.status, body, ...(format === undefined ? {} : { format }) };
}

function compileAction(
  route: Route,
  pathMatch: PathMatch,
  perFilter: PerFilter,
  headers: HeaderMutations | undefined,
  scope: RouteScope,
  path: string,
): { action: RouteAction; clusters: readonly string[] } {
  switch (route.action.case) {
    case 'route': {
      const { forward, clusters } = compileForward(route.action.value, pathMatch, perFilter, headers, scope, `${path}.route`);
      const { retry } = forward;
      const isFree = retry !== undefined && isUnbudgeted(route.metadata?.filterMetadata);
      return { action: isFree ? { ...forward, retry: { ...retry, isUnbudgeted: true } } : forward, clusters };
    }
    case 'redirect':
      return { action: compileRedirect(route.action.value, pathMatch, `${path}.redirect`), clusters: [] };
    case 'directResponse':
      return { action: compileDirect(route.action.value, scope.directResponseBytesMax, `${path}.direct_response`), clusters: [] };
    default:
      throw new ConfigError(path, 'says no route, redirect or direct_response');
  }
}

/** A direct response that is a redirect, or says that something was created, leads to where it was asked for, as Envoy's. */
function createdLocation({ action }: Route, path: string): HeaderMutations | undefined {
  if (action.case !== 'directResponse') return undefined;
  const { status } = action.value;
  if (status !== 201 && (status < 300 || status > 399)) return undefined;
  const where = compileRedirect(create(RedirectActionSchema), ANYWHERE, path);
  return {
    applyRequest() {},
    applyResponse({ request, info }, head) {
      if (where.kind !== 'redirect' || head.status !== status || info.responseCodeDetails !== 'direct_response') return;
      head.headers.set('location', where.location(request));
    },
  };
}

function rateLimitsOf(route: Route, scope: RouteScope, path: string): Pick<RouteEntry, 'rateLimits'> {
  const action = route.action.case === 'route' ? route.action.value : undefined;
  const ofRoute = compileRateLimits(action?.rateLimits ?? [], `${path}.route.rate_limits`);
  if (ofRoute.length === 0 && scope.rateLimits.length === 0) return {};
  return { rateLimits: { ofRoute, ofVirtualHost: scope.rateLimits, includesVirtualHost: action?.includeVhRateLimits ?? false } };
}

/** Compiles a route. `path` is the route's own, e.g. `virtual_hosts[0].routes[2]`. */
export function compileRoute(route: Route, scope: RouteScope, path: string): CompiledRoute {
  if (route.match === undefined) throw new ConfigError(`${path}.match`, 'is missing');
  const pathMatch = compilePathMatch(route.match, `${path}.match`);
  const perFilter = compilePerFilter(route.typedPerFilterConfig, scope.perFilter, scope.filters, path);
  const own = chainMutations([createdLocation(route, path), setCookieMutations(route, compileMutations(route, path))]);
  const { action, clusters } = compileAction(route, pathMatch, perFilter, own, scope, path);
  // a weighted cluster carries the whole chain, so that its own changes stand in their place in it
  const isWeighted = route.action.case === 'route' && route.action.value.clusterSpecifier.case === 'weightedClusters';
  const trace = compileRouteTrace(route, path);
  const entry: RouteEntry = {
    name: route.name,
    virtualHostName: scope.virtualHostName,
    ...(route.statPrefix !== '' && { counted: { virtualHostName: scope.virtualHostName, kind: 'route', name: route.statPrefix } }),
    ...(scope.virtualClusters !== undefined && { virtualClusters: scope.virtualClusters }),
    action,
    headers: isWeighted ? undefined : scope.order(undefined, own),
    perFilter,
    metadata: { ...scope.metadata, ...route.metadata?.filterMetadata },
    ...rateLimitsOf(route, scope, path),
    retryBufferBytes: bufferLimit(route, scope.retryBufferBytes),
    sendsAttemptCount: scope.sendsAttemptCount,
    answersAttemptCount: scope.answersAttemptCount,
    sendsTimeoutRetry: scope.sendsTimeoutRetry,
    ...(trace !== undefined && { trace }),
  };
  return { entry, path: pathMatch, matches: compileMatch(route.match, pathMatch, `${path}.match`), clusters };
}
