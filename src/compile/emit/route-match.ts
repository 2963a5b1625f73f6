/** Match blocks of HTTP rules: what the control plane decides about the proxy, and what the proxy decides about a request. */
import { create } from '@bufbuild/protobuf';
import { type LabelSelector, selects } from '../../model/match.ts';
import type { HttpMatch } from '../../model/route.ts';
import {
  type QueryParameterMatcher,
  QueryParameterMatcherSchema,
  type RouteMatch,
  RouteMatchSchema,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { MetadataMatcher } from '../../xds/gen/envoy/type/matcher/v3/metadata_pb.ts';
import { tokenMatcher } from './rbac-tokens.ts';
import { headerMatcher, stringMatcher } from './string-match.ts';

/** Where routes are being compiled for. */
export interface RouteSite {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `mesh`, or `namespace/name` of the Gateway. */
  readonly gateway: string;
  readonly port: number;
}

interface SiteMatch {
  readonly port: number | undefined;
  readonly sourceLabels: LabelSelector;
  readonly sourceNamespace: string | undefined;
  readonly gateways: readonly string[];
}

/** The selectors of a match, for HTTP and other rules alike: true where it concerns the proxy at all. */
export function concerns(match: SiteMatch, site: RouteSite): boolean {
  if (match.port !== undefined && match.port !== site.port) return false;
  if (match.sourceNamespace !== undefined && match.sourceNamespace !== site.namespace) return false;
  if (match.gateways.length > 0 && !match.gateways.includes(site.gateway)) return false;
  // a gateway's own labels are no client's labels
  return site.gateway !== 'mesh' || selects(match.sourceLabels, site.labels);
}

type PathSpecifier = RouteMatch['pathSpecifier'];

function pathOf({ uri }: HttpMatch): PathSpecifier {
  if (uri === undefined || uri.kind === 'present') return { case: 'prefix', value: '/' };
  if (uri.kind === 'exact') return { case: 'path', value: uri.value };
  if (uri.kind === 'prefix') return { case: 'prefix', value: uri.value };
  return {
    case: 'safeRegex',
    value: { $typeName: 'envoy.type.matcher.v3.RegexMatcher', regex: uri.value, engineType: { case: undefined } },
  };
}

function queryMatcher([name, match]: HttpMatch['queryParams'][number]): QueryParameterMatcher {
  return create(QueryParameterMatcherSchema, {
    name,
    queryParameterMatchSpecifier:
      match.kind === 'present' ? { case: 'presentMatch', value: true } : { case: 'stringMatch', value: stringMatcher(match) },
  });
}

/** Any path: what a rule without matches has. */
export function matchAll(): RouteMatch {
  return create(RouteMatchSchema, { pathSpecifier: { case: 'prefix', value: '/' } });
}

type Named = HttpMatch['headers'][number];

/** Begins the names of what is no header, but a claim of a checked token. */
const CLAIMS = '@request.auth.claims';

function isClaim([name]: Named): boolean {
  return name.toLowerCase().startsWith(CLAIMS);
}

/** A claim by its path, as `.group.id` or `[group][id]`: a text, or a list with it. */
function claimMatcher([name, match]: Named, invert: boolean): MetadataMatcher {
  const path = name.slice(CLAIMS.length);
  const claims = path.startsWith('[') ? path.slice(1, -1).split('][') : path.slice(1).split('.');
  return { ...tokenMatcher(claims, match), invert };
}

/** The part of a match that the proxy decides. */
export function routeMatch(match: HttpMatch): RouteMatch {
  const headers = match.headers.filter((one) => !isClaim(one)).map(([name, value]) => headerMatcher(name, value));
  headers.push(...match.withoutHeaders.filter((one) => !isClaim(one)).map(([name, value]) => headerMatcher(name, value, true)));
  if (match.method !== undefined) headers.push(headerMatcher(':method', match.method));
  if (match.authority !== undefined) headers.push(headerMatcher(':authority', match.authority));
  if (match.scheme !== undefined) headers.push(headerMatcher(':scheme', match.scheme));
  const message = create(RouteMatchSchema, { pathSpecifier: pathOf(match), headers, queryParameters: match.queryParams.map(queryMatcher) });
  message.dynamicMetadata = [
    ...match.headers.filter(isClaim).map((one) => claimMatcher(one, false)),
    ...match.withoutHeaders.filter(isClaim).map((one) => claimMatcher(one, true)),
  ];
  if (match.ignoreUriCase) message.caseSensitive = false;
  return message;
}

/** True where a route takes every request, so that none behind it is ever reached. */
export function isCatchAll(match: RouteMatch): boolean {
  const { pathSpecifier: path, headers, queryParameters, dynamicMetadata } = match;
  return path.case === 'prefix' && path.value === '/' && headers.length + queryParameters.length + dynamicMetadata.length === 0;
}
