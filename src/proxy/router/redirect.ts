/** Redirects: where to, in all of Envoy's forms (RedirectAction). */
import { ConfigError } from '../../core/errors.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import {
  type RedirectAction,
  RedirectAction_RedirectResponseCode as ResponseCode,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { pathEnd, type PathMatch } from './path-match.ts';
import { compilePathRegex, compilePrefixRewrite } from './rewrite.ts';
import type { RouteAction } from './route.ts';

const STATUSES: Readonly<Record<number, number>> = {
  [ResponseCode.MOVED_PERMANENTLY]: 301,
  [ResponseCode.FOUND]: 302,
  [ResponseCode.SEE_OTHER]: 303,
  [ResponseCode.TEMPORARY_REDIRECT]: 307,
  [ResponseCode.PERMANENT_REDIRECT]: 308,
};

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

/** The scheme that the client used, as far as proxies before us told. */
export function clientScheme(head: RequestHead): string {
  return head.headers.get('x-forwarded-proto') ?? head.scheme;
}

/** The authority without a port that is replaced, or that is the default of a scheme that is replaced. */
function keptHost(authority: string, oldScheme: string, newScheme: string, hasNewPort: boolean): string {
  const port = /:(\d+)$/.exec(authority);
  if (port === null) return authority;
  const isOldDefault = newScheme !== oldScheme && port[1] === DEFAULT_PORTS[oldScheme];
  return hasNewPort || isOldDefault ? authority.slice(0, port.index) : authority;
}

function withoutQuery(requestPath: string): string {
  return requestPath.slice(0, pathEnd(requestPath));
}

function compilePath(action: RedirectAction, match: PathMatch, path: string): (requestPath: string) => string {
  const { pathRewriteSpecifier: specifier, stripQuery } = action;
  const finish = (requestPath: string): string => (stripQuery ? withoutQuery(requestPath) : requestPath);
  switch (specifier.case) {
    case undefined:
      return finish;
    case 'pathRedirect': {
      const { value } = specifier;
      // a query of the redirect's own replaces the request's
      if (value.includes('?') || stripQuery) return () => value;
      return (requestPath) => value + requestPath.slice(pathEnd(requestPath));
    }
    case 'prefixRewrite': {
      const rewrite = compilePrefixRewrite(specifier.value, match);
      return (requestPath) => finish(rewrite(requestPath));
    }
    case 'regexRewrite': {
      const rewrite = compilePathRegex(specifier.value, `${path}.regex_rewrite`);
      return (requestPath) => finish(rewrite(requestPath));
    }
  }
}

/** Compiles a redirect. */
export function compileRedirect(action: RedirectAction, match: PathMatch, path: string): RouteAction {
  const status = STATUSES[action.responseCode];
  if (status === undefined) throw new ConfigError(`${path}.response_code`, `${action.responseCode} is not known`);
  const { schemeRewriteSpecifier: scheme, hostRedirect, portRedirect } = action;
  const newScheme = scheme.case === 'schemeRedirect' ? scheme.value : scheme.case === 'httpsRedirect' && scheme.value ? 'https' : '';
  const rewrite = compilePath(action, match, path);
  return {
    kind: 'redirect',
    status,
    location(head) {
      const oldScheme = clientScheme(head);
      const finalScheme = newScheme === '' ? oldScheme : newScheme;
      const host = hostRedirect === '' ? keptHost(head.authority, oldScheme, finalScheme, portRedirect !== 0) : hostRedirect;
      return `${finalScheme}://${host}${portRedirect === 0 ? '' : `:${portRedirect}`}${rewrite(head.path)}`;
    },
  };
}
