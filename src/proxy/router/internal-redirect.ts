/** Redirects of an upstream that the proxy follows itself. Envoy: InternalRedirectPolicy. */
import { ConfigError } from '../../core/errors.ts';
import type { RequestHead, ResponseHead } from '../../wire/http/message.ts';
import {
  type InternalRedirectPolicy,
  type RouteAction,
  RouteAction_InternalRedirectAction as OldAction,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { AllowListedRoutesConfigSchema } from '../../xds/gen/envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config_pb.ts';
import { PreviousRoutesConfigSchema } from '../../xds/gen/envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config_pb.ts';
import { SafeCrossSchemeConfigSchema } from '../../xds/gen/envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config_pb.ts';
import { decodeTyped, typeNameOf } from '../config/typed-config.ts';
import { clientScheme } from './redirect.ts';

/** What an internal redirect leads to, to be allowed or not. */
export interface RedirectStep {
  /** Names of the routes that the request has taken so far, the last one being the one that answered. */
  readonly routes: readonly string[];
  /** Name of the route that the new request matches. */
  readonly target: string;
  readonly isFromTls: boolean;
  readonly isToTls: boolean;
}

export interface InternalRedirect {
  /** Redirects followed for one request. */
  readonly maxRedirects: number;
  readonly statuses: ReadonlySet<number>;
  readonly allowsCrossScheme: boolean;
  /** Fields of the redirecting response that the new request gets; in lower case. */
  readonly headersToCopy: readonly string[];
  /** All predicates together. */
  readonly allows: (step: RedirectStep) => boolean;
}

/** Where a redirect leads. */
export interface RedirectTarget {
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  /** `x-envoy-original-url` of the new request: what was asked for before this redirect. */
  readonly originalUrl: string;
  /** 303 asks with GET and without a body, whatever the method was. */
  readonly becomesGet: boolean;
}

/** Envoy's 302 where `redirect_response_codes` is empty. */
const DEFAULT_STATUSES = [302];
const ALLOWED_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

type Predicate = (step: RedirectStep) => boolean;

function compilePredicate(config: InternalRedirectPolicy['predicates'][number], path: string): Predicate {
  const at = `${path}.typed_config`;
  const any = config.typedConfig;
  switch (any === undefined ? '' : typeNameOf(any)) {
    case AllowListedRoutesConfigSchema.typeName: {
      const allowed = new Set(decodeTyped(any, AllowListedRoutesConfigSchema, at).allowedRouteNames);
      return ({ target }) => allowed.has(target);
    }
    case PreviousRoutesConfigSchema.typeName:
      decodeTyped(any, PreviousRoutesConfigSchema, at);
      return ({ routes, target }) => !routes.includes(target);
    case SafeCrossSchemeConfigSchema.typeName:
      decodeTyped(any, SafeCrossSchemeConfigSchema, at);
      return ({ isFromTls, isToTls }) => isFromTls || !isToTls;
    default:
      throw new ConfigError(path, `predicate "${config.name}" is not supported by Tulle`);
  }
}

function statusesOf(policy: InternalRedirectPolicy, path: string): ReadonlySet<number> {
  if (policy.redirectResponseCodes.length === 0) return new Set(DEFAULT_STATUSES);
  // as Envoy does it: statuses that are no redirects are left out
  const statuses = policy.redirectResponseCodes.filter((status) => ALLOWED_STATUSES.has(status));
  if (policy.redirectResponseCodes.length > 5) throw new ConfigError(`${path}.redirect_response_codes`, 'has more than 5');
  return new Set(statuses);
}

/** Prepares a route's policy, in its present or its deprecated form; undefined where redirects go to the client. */
export function compileInternalRedirect(action: RouteAction, path: string): InternalRedirect | undefined {
  const policy = action.internalRedirectPolicy;
  const at = `${path}.internal_redirect_policy`;
  if (policy === undefined) {
    if (action.internalRedirectAction !== OldAction.HANDLE_INTERNAL_REDIRECT) return undefined;
    return {
      maxRedirects: action.maxInternalRedirects ?? 1,
      statuses: new Set(DEFAULT_STATUSES),
      allowsCrossScheme: false,
      headersToCopy: [],
      allows: () => true,
    };
  }
  const predicates = policy.predicates.map((predicate, i) => compilePredicate(predicate, `${at}.predicates[${i}]`));
  return {
    maxRedirects: policy.maxInternalRedirects ?? 1,
    statuses: statusesOf(policy, at),
    allowsCrossScheme: policy.allowCrossSchemeRedirect,
    headersToCopy: policy.responseHeadersToCopy.map((name) => name.toLowerCase()),
    allows: (step) => predicates.every((allows) => allows(step)),
  };
}

/**
 * Where the proxy goes instead of passing a response on, or undefined where the client gets it: another status, too many
 * redirects, no usable location, or another scheme where that is not allowed. The caller takes the request's body
 * along, matches the route anew, and asks `allows`.
 */
export function followRedirect(
  policy: InternalRedirect,
  head: ResponseHead,
  request: RequestHead,
  followed: number,
): RedirectTarget | undefined {
  const location = head.headers.get('location');
  if (location === undefined || followed >= policy.maxRedirects || !policy.statuses.has(head.status)) return undefined;
  const match = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(location);
  if (match === null) return undefined;
  const [, scheme = '', authority = '', rest = ''] = match;
  const from = clientScheme(request);
  if (scheme.toLowerCase() !== from && !policy.allowsCrossScheme) return undefined;
  return {
    scheme: scheme.toLowerCase(),
    authority,
    path: rest.startsWith('/') ? rest : `/${rest}`,
    originalUrl: `${from}://${request.authority}${request.path}`,
    becomesGet: head.status === 303 && request.method !== 'GET' && request.method !== 'HEAD',
  };
}
