/**
 * Why a route matches a request, or does not: the predicates of `compileRoute`, asked one by one. Cold: a proxy never
 * loads it.
 */
import type { RequestHead } from '../../wire/http/message.ts';
import type { RouteMatch } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { cookieValue } from './cookies.ts';
import { describeHeader, describeQuery, describeString } from './describe-matchers.ts';
import { describeMetadata } from './describe-metadata.ts';
import { liveShare } from '../config/live-values.ts';
import { type MatchCondition, readConditions } from './match-conditions.ts';
import { headerReader, queryParameter } from './matchers.ts';
import { compilePathMatch } from './path-match.ts';
import type { MatchInfo } from './route.ts';

/** Something that a match asks for and a request has not. */
interface Unmet {
  /** `path`, `header x-canary`, ... */
  readonly what: string;
  readonly wants: string;
  /** What the request has there; undefined: nothing. */
  readonly has: string | undefined;
}

export interface MatchExplanation {
  /** Empty: it matches `share` of such requests. */
  readonly unmet: readonly Unmet[];
  /** `runtime_fraction`, in [0, 1]. */
  readonly share: number;
}

function describePath({ pathSpecifier: specifier, caseSensitive }: RouteMatch): string {
  const fold = caseSensitive === false ? ' in any case' : '';
  switch (specifier.case) {
    case 'prefix':
    case 'path':
      return `${specifier.case === 'path' ? 'exact' : 'prefix'} ${JSON.stringify(specifier.value)}${fold}`;
    case 'pathSeparatedPrefix':
      return `prefix of segments ${JSON.stringify(specifier.value)}${fold}`;
    case 'safeRegex':
      return `regex ${JSON.stringify(specifier.value.regex)}`;
    case 'connectMatcher':
      return 'CONNECT';
    case 'pathMatchPolicy':
      return 'a URI template';
    case undefined:
      return 'anything';
  }
}

function describe({ about }: MatchCondition, head: RequestHead, info: MatchInfo): Unmet {
  switch (about.$typeName) {
    case 'envoy.config.route.v3.HeaderMatcher': {
      const name = about.name.toLowerCase();
      return { what: name.startsWith(':') ? name.slice(1) : `header ${name}`, wants: describeHeader(about), has: headerReader(name)(head) };
    }
    case 'envoy.config.route.v3.QueryParameterMatcher':
      return { what: `query parameter ${about.name}`, wants: describeQuery(about), has: queryParameter(head.path, about.name) };
    case 'envoy.config.route.v3.CookieMatcher':
      return {
        what: `cookie ${about.name}`,
        wants: `${about.invertMatch ? 'not ' : ''}${describeString(about.stringMatch)}`,
        has: cookieValue(head, about.name),
      };
    case 'envoy.type.matcher.v3.FilterStateMatcher': {
      const wants = about.matcher.case === 'stringMatch' ? describeString(about.matcher.value) : 'an address';
      return { what: `filter state ${about.key}`, wants, has: info.filterState?.get(about.key) };
    }
    case 'envoy.type.matcher.v3.MetadataMatcher': {
      const told = describeMetadata(about, info.metadata);
      return about.invert ? { ...told, wants: `not ${told.wants}` } : told;
    }
    case 'envoy.config.route.v3.RouteMatch.GrpcRouteMatchOptions':
      return { what: 'content-type', wants: 'application/grpc', has: head.headers.get('content-type') };
    case 'envoy.config.route.v3.RouteMatch.TlsContextMatchOptions': {
      const wants = [
        about.presented === undefined ? [] : `presented: ${about.presented}`,
        about.validated === undefined ? [] : `validated: ${about.validated}`,
      ];
      return { what: 'client certificate', wants: wants.flat().join(', '), has: info.connection.tls?.subject };
    }
  }
}

/** `path` is the match's own; `requestPath` is what `matchedPath` made of the request's. Throws ConfigError. */
export function explainMatch(match: RouteMatch, head: RequestHead, requestPath: string, info: MatchInfo, path: string): MatchExplanation {
  const pathMatch = compilePathMatch(match, path);
  const unmet: Unmet[] = [];
  if (!pathMatch.test(requestPath)) unmet.push({ what: 'path', wants: describePath(match), has: requestPath });
  if (pathMatch.isConnect && head.method !== 'CONNECT') unmet.push({ what: 'method', wants: 'exact "CONNECT"', has: head.method });
  for (const condition of readConditions(match, path)) if (!condition.test(head, info)) unmet.push(describe(condition, head, info));
  return { unmet, share: liveShare(match.runtimeFraction, 1).value };
}
