/**
 * Which routes of a table were looked at for a request, and why each matched or not. The lookup of the host and the
 * predicates are those of `buildRouteTable`, which stays the one that decides. Cold: a proxy never loads it.
 */
import type { RequestHead } from '../../wire/http/message.ts';
import type { Route, VirtualHost } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { RouteConfiguration } from '../../xds/gen/envoy/config/route/v3/route_pb.ts';
import { explainMatch, type MatchExplanation } from './explain-match.ts';
import type { MatchInfo } from './route.ts';
import { compileHostLookup, matchedPath, tlsDemand } from './route-table.ts';

export interface RouteExplanation extends MatchExplanation {
  readonly route: Route;
  /** Position in the virtual host. */
  readonly index: number;
}

export interface TableExplanation {
  /** Undefined: no domain of the table is the request's. */
  readonly host: VirtualHost | undefined;
  /** The host demands TLS that the request did not come by: it is redirected, and no route is looked at. */
  readonly isSentToTls: boolean;
  /** Routes in order, up to and with the first that matches every such request. */
  readonly routes: readonly RouteExplanation[];
}

function explainHost(host: VirtualHost, at: string, ignoresParameters: boolean, head: RequestHead, info: MatchInfo): RouteExplanation[] {
  const requestPath = matchedPath(head, ignoresParameters);
  const routes: RouteExplanation[] = [];
  for (const [index, route] of host.routes.entries()) {
    if (route.match === undefined) continue;
    const explained = explainMatch(route.match, head, requestPath, info, `${at}.routes[${index}].match`);
    routes.push({ ...explained, route, index });
    if (explained.unmet.length === 0 && explained.share >= 1) break;
  }
  return routes;
}

/** Explains what the table of `config` makes of a request. Throws ConfigError as `buildRouteTable`. */
export function explainRoutes(config: RouteConfiguration, head: RequestHead, info: MatchInfo): TableExplanation {
  const hosts = config.virtualHosts.map((host, i) => ({ domains: host.domains, value: { host, at: `virtual_hosts[${i}]` } }));
  const found = compileHostLookup(config, hosts, '')(head);
  if (found === undefined) return { host: undefined, isSentToTls: false, routes: [] };
  const { host, at } = found;
  if (tlsDemand(host)?.(head) === true) return { host, isSentToTls: true, routes: [] };
  return { host, isSentToTls: false, routes: explainHost(host, at, config.ignorePathParametersInPathMatching, head, info) };
}
