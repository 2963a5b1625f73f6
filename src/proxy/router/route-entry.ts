/** Compiles one route: what it matches, and what is done with a request that matches. Envoy: config.route.v3.Route. */
import { ConfigError } from '../../core/errors.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type { RuntimeFractionalPercent } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type DirectResponseAction,
  type Route,
  type RouteAction as RouteActionProto,
  RouteAction_ClusterNotFoundResponseCode as NotFoundCode,
  type RouteAction_RequestMirrorPolicy as MirrorPolicy,
  type RouteMatch,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { FractionalPercent_DenominatorType as Denominator } from '../../xds/gen/envoy/type/v3/percent_pb.ts';
import { durationMs } from '../config/durations.ts';
import type { HttpFilter } from '../http/filter.ts';
import { readDataSource } from '../tls/data-source.ts';
import { compileClusterChoice } from './cluster-choice.ts';
import { compileHash } from './hash-policy.ts';
import { compileMutations } from './header-mutations.ts';
import { compileHeaderMatcher, compileQueryMatcher, type HeadTest } from './matchers.ts';
import { compilePathMatch, type PathMatch } from './path-match.ts';
import { compilePerFilter, type PerFilter } from './per-filter-config.ts';
import { compileRedirect } from './redirect.ts';
import { compileRetryPolicy } from './retry-config.ts';
import { compileRewrite } from './rewrite.ts';
import type { HeaderMutations, RetryPolicy, RouteAction, RouteEntry } from './route.ts';

/** What routes inherit from their virtual host and table. */
export interface RouteScope {
  readonly virtualHostName: string;
  readonly filters: readonly HttpFilter[];
  readonly perFilter: PerFilter;
  readonly retry: RetryPolicy | undefined;
  readonly mirrors: readonly Mirror[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly retryBufferBytes: number;
  readonly directResponseBytesMax: number;
  readonly sendsAttemptCount: boolean;
  readonly answersAttemptCount: boolean;
  /** Puts the changes of a weighted cluster and a route in order with those above them. */
  order(cluster: HeaderMutations | undefined, route: HeaderMutations | undefined): HeaderMutations | undefined;
}

export interface Mirror {
  readonly cluster: string;
  readonly fraction: number;
}

export interface CompiledRoute {
  readonly entry: RouteEntry;
  matches(head: RequestHead, path: string, random: number): boolean;
  /** Clusters that the route names. */
  readonly clusters: readonly string[];
}

/** Envoy's default for a route without `timeout`. */
const DEFAULT_TIMEOUT_MS = 15_000;

const NOT_FOUND_STATUSES: Readonly<Record<number, number>> = {
  [NotFoundCode.SERVICE_UNAVAILABLE]: 503,
  [NotFoundCode.NOT_FOUND]: 404,
  [NotFoundCode.INTERNAL_SERVER_ERROR]: 500,
};

const DENOMINATORS: Readonly<Record<number, number>> = {
  [Denominator.HUNDRED]: 100,
  [Denominator.TEN_THOUSAND]: 10_000,
  [Denominator.MILLION]: 1_000_000,
};

/** A share in [0, 1]. We have no runtime, so that the default decides. */
export function fractionOf(fraction: RuntimeFractionalPercent | undefined): number {
  const percent = fraction?.defaultValue;
  return percent === undefined ? 1 : Math.min(1, percent.numerator / (DENOMINATORS[percent.denominator] ?? 100));
}

/** `application/grpc`, with a suffix or parameters. */
function isGrpc(head: RequestHead): boolean {
  return /^application\/grpc(?:$|[+;])/.test(head.headers.get('content-type') ?? '');
}

function compileMatch(match: RouteMatch, pathMatch: PathMatch, path: string): CompiledRoute['matches'] {
  const tests: HeadTest[] = [
    ...match.headers.map((matcher, i) => compileHeaderMatcher(matcher, `${path}.headers[${i}]`)),
    ...match.queryParameters.map((matcher, i) => compileQueryMatcher(matcher, `${path}.query_parameters[${i}]`)),
  ];
  if (match.grpc !== undefined) tests.push(isGrpc);
  const fraction = match.runtimeFraction === undefined ? 1 : fractionOf(match.runtimeFraction);
  const testPath = pathMatch.test;
  if (tests.length === 0 && fraction >= 1) return (_head, requestPath) => testPath(requestPath);
  return (head, requestPath, random) => {
    if (!testPath(requestPath) || random >= fraction) return false;
    for (const test of tests) if (!test(head)) return false;
    return true;
  };
}

/** Mirror policies; a level's own replace those above it. */
export function compileMirrors(policies: readonly MirrorPolicy[], above: readonly Mirror[], path: string): readonly Mirror[] {
  if (policies.length === 0) return above;
  return policies.map((policy, i) => {
    if (policy.cluster === '') throw new ConfigError(`${path}[${i}].cluster`, 'is empty');
    return { cluster: policy.cluster, fraction: fractionOf(policy.runtimeFraction) };
  });
}

function refuseStreamDuration(action: RouteActionProto, path: string): void {
  const ms = durationMs(action.maxStreamDuration?.maxStreamDuration, 0);
  if (ms !== 0) throw new ConfigError(`${path}.max_stream_duration.max_stream_duration`, 'only 0, no limit, is supported by Tulle');
}

function compileForward(
  action: RouteActionProto,
  pathMatch: PathMatch,
  perFilter: PerFilter,
  route: HeaderMutations | undefined,
  scope: RouteScope,
  path: string,
) {
  refuseStreamDuration(action, path);
  const chooser = compileClusterChoice(action, { perFilter, filters: scope.filters, combine: (own) => scope.order(own, route) }, path);
  const mirrors = compileMirrors(action.requestMirrorPolicies, scope.mirrors, `${path}.request_mirror_policies`);
  const forward: RouteAction = {
    kind: 'cluster',
    cluster: chooser.choose,
    rewrite: compileRewrite(action, pathMatch, path),
    timeoutMs: durationMs(action.timeout, DEFAULT_TIMEOUT_MS),
    idleTimeoutMs: action.idleTimeout === undefined ? undefined : durationMs(action.idleTimeout, 0),
    retry: action.retryPolicy === undefined ? scope.retry : compileRetryPolicy(action.retryPolicy, `${path}.retry_policy`),
    mirrors,
    clusterNotFoundStatus: NOT_FOUND_STATUSES[action.clusterNotFoundResponseCode] ?? 503,
    hash: compileHash(action.hashPolicy, `${path}.hash_policy`),
    upgrades: new Map(action.upgradeConfigs.map(({ upgradeType, enabled }) => [upgradeType.toLowerCase(), enabled ?? true])),
  };
  return { forward, clusters: [...chooser.names, ...mirrors.map((mirror) => mirror.cluster)] };
}

function compileDirect(action: DirectResponseAction, bytesMax: number, path: string): RouteAction {
  if (action.status < 200 || action.status > 599) throw new ConfigError(`${path}.status`, `${action.status} is not in [200, 599]`);
  const body = action.body === undefined ? '' : readDataSource(action.body, `${path}.body`);
  const bytes = Buffer.byteLength(body);
  if (bytes > bytesMax)
    throw new ConfigError(`${path}.body`, `${bytes} bytes are more than max_direct_response_body_size_bytes, ${bytesMax}`);
  return { kind: 'direct', status: action.status, body };
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
      return { action: forward, clusters };
    }
    case 'redirect':
      return { action: compileRedirect(route.action.value, pathMatch, `${path}.redirect`), clusters: [] };
    case 'directResponse':
      return { action: compileDirect(route.action.value, scope.directResponseBytesMax, `${path}.direct_response`), clusters: [] };
    default:
      throw new ConfigError(path, 'says no route, redirect or direct_response');
  }
}

/** Compiles a route. `path` is the route's own, e.g. `virtual_hosts[0].routes[2]`. */
export function compileRoute(route: Route, scope: RouteScope, path: string): CompiledRoute {
  if (route.match === undefined) throw new ConfigError(`${path}.match`, 'is missing');
  const pathMatch = compilePathMatch(route.match, `${path}.match`);
  const perFilter = compilePerFilter(route.typedPerFilterConfig, scope.perFilter, scope.filters, path);
  const own = compileMutations(route, path);
  const { action, clusters } = compileAction(route, pathMatch, perFilter, own, scope, path);
  // a weighted cluster carries the whole chain, so that its own changes stand in their place in it
  const isWeighted = route.action.case === 'route' && route.action.value.clusterSpecifier.case === 'weightedClusters';
  const entry: RouteEntry = {
    name: route.name,
    virtualHostName: scope.virtualHostName,
    action,
    headers: isWeighted ? undefined : scope.order(undefined, own),
    perFilter,
    metadata: { ...scope.metadata, ...route.metadata?.filterMetadata },
    retryBufferBytes: route.perRequestBufferLimitBytes ?? scope.retryBufferBytes,
    sendsAttemptCount: scope.sendsAttemptCount,
    answersAttemptCount: scope.answersAttemptCount,
  };
  return { entry, matches: compileMatch(route.match, pathMatch, `${path}.match`), clusters };
}
