/** A route set's HTTP rules as Envoy routes for one site, and the route that hosts without rules have. */
import { create } from '@bufbuild/protobuf';
import { type HttpMatch, type HttpRule, PLAIN_RULE } from '../../model/route.ts';
import { type Route, type RouteAction, type RouteMatch, RouteSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { duration } from './any.ts';
import { headerFields } from './header-operations.ts';
import { istioConfigPath, metadataOf } from './provenance.ts';
import { UNBUDGETED } from './retry-budget.ts';
import { retryPolicyOf } from './retry-policy.ts';
import { directResponse, forwardAction, redirectAction } from './route-action.ts';
import { routeFilters } from './route-filters.ts';
import { concerns, isCatchAll, matchAll, routeMatch, type RouteSite } from './route-match.ts';
import type { Scope } from './scope.ts';
import type { ServiceShape } from './shape.ts';

export interface HttpRouteSite extends RouteSite {
  /** True where the listener ends TLS. */
  readonly isTls: boolean;
}

function actionOf(scope: Scope, rule: HttpRule, site: HttpRouteSite): Route['action'] {
  const { action, origin } = rule;
  switch (action.kind) {
    case 'forward':
      return { case: 'route', value: forwardAction(scope, rule, action.destinations, site.port) };
    case 'redirect':
      return { case: 'redirect', value: redirectAction(action.redirect, site, origin.field) };
    case 'direct-response':
      return { case: 'directResponse', value: directResponse(action.status, action.body) };
  }
}

function routeName(rule: HttpRule, match: HttpMatch | undefined): string {
  return [rule.name, match?.name ?? ''].filter((part) => part !== '').join('.');
}

/** Istio names spans after the host and what the path has to be. */
function operationOf(host: string, port: number, match: RouteMatch): string {
  const { pathSpecifier: path } = match;
  const name = path.case === 'path' ? path.value : path.case === 'prefix' ? `${path.value}*` : '/*';
  return `${host}:${port}${name}`;
}

function routeOf(scope: Scope, rule: HttpRule, match: HttpMatch | undefined, site: HttpRouteSite, host: string): Route {
  const config = istioConfigPath(rule.origin);
  const where = match === undefined ? matchAll() : routeMatch(match);
  const destinations = rule.action.kind === 'forward' ? rule.action.destinations : [];
  const single = destinations.length === 1 ? headerFields(destinations[0]?.headers) : headerFields(undefined);
  const own = headerFields(rule.headers);
  const saysRetries = rule.retries !== undefined;
  return create(RouteSchema, {
    name: routeName(rule, match),
    match: where,
    action: actionOf(scope, rule, site),
    metadata: metadataOf(rule.origin, config === undefined ? undefined : { config }, saysRetries ? UNBUDGETED : {}),
    decorator: { operation: operationOf(host, site.port, where) },
    typedPerFilterConfig: routeFilters(rule),
    statPrefix: match?.statPrefix ?? '',
    requestHeadersToAdd: [...own.requestHeadersToAdd, ...single.requestHeadersToAdd],
    requestHeadersToRemove: [...own.requestHeadersToRemove, ...single.requestHeadersToRemove],
    responseHeadersToAdd: [...own.responseHeadersToAdd, ...single.responseHeadersToAdd],
    responseHeadersToRemove: [...own.responseHeadersToRemove, ...single.responseHeadersToRemove],
  });
}

/** Routes of `rules` that concern `site`, in order, up to the first that takes every request. */
export function httpRoutes(scope: Scope, rules: readonly HttpRule[], site: HttpRouteSite, host: string): Route[] {
  const routes: Route[] = [];
  for (const rule of rules) {
    const matches: readonly (HttpMatch | undefined)[] = rule.matches.length === 0 ? [undefined] : rule.matches;
    for (const match of matches) {
      if (match !== undefined && !concerns(match, site)) continue;
      const route = routeOf(scope, rule, match, site, host);
      routes.push(route);
      if (route.match !== undefined && isCatchAll(route.match)) return routes;
    }
  }
  return routes;
}

/** The only route of a service without rules: to its own cluster, with the default retries. */
export function defaultRoute(scope: Scope, service: ServiceShape, port: number): Route {
  return create(RouteSchema, {
    name: 'default',
    match: matchAll(),
    action: { case: 'route', value: defaultAction(scope, service, port) },
    decorator: { operation: `${service.hostname}:${port}/*` },
    metadata: metadataOf(service.origin),
  });
}

function defaultAction(scope: Scope, service: ServiceShape, port: number): RouteAction {
  const destination = { host: service.hostname, subset: undefined, port };
  const rule: HttpRule = { ...PLAIN_RULE, action: { kind: 'forward', destinations: [] }, origin: service.origin };
  const action = forwardAction(scope, rule, [{ destination, weight: 1, headers: undefined, origin: service.origin }], port);
  const retryPolicy = retryPolicyOf(undefined, false, scope.settings);
  // as in Istio, where only a rule's retries go back to the host that a hash names
  return retryPolicy === undefined ? action : { ...action, retryPolicy };
}

/** A route to `cluster` for anything, without time limit or retries. */
export function plainRoute(name: string, cluster: string): Route {
  return create(RouteSchema, {
    name,
    match: matchAll(),
    action: {
      case: 'route',
      value: { clusterSpecifier: { case: 'cluster', value: cluster }, timeout: duration(0), maxGrpcTimeout: duration(0) },
    },
  });
}
