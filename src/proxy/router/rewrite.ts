/** Rewrites of path and host before a request goes upstream. Envoy: RouteAction's *_rewrite fields. */
import { ConfigError } from '../../core/errors.ts';
import { compileRe2Substitution } from '../../core/re2.ts';
import type { RequestHead } from '../../wire/http/message.ts';
import type { TypedExtensionConfig } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import type { RouteAction } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { RegexMatchAndSubstitute } from '../../xds/gen/envoy/type/matcher/v3/regex_pb.ts';
import { UriTemplateRewriteConfigSchema } from '../../xds/gen/envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite_pb.ts';
import { decodeTyped } from '../config/typed-config.ts';
import { headerReader } from './matchers.ts';
import { pathEnd, type PathMatch } from './path-match.ts';
import { compileUriRewrite } from './uri-template.ts';

type Rewrite = (head: RequestHead) => void;

/** A substitution in the path; query and fragment stay as they are. */
export function compilePathRegex(rewrite: RegexMatchAndSubstitute, path: string): (requestPath: string) => string {
  const regex = rewrite.pattern?.regex ?? '';
  if (regex === '') throw new ConfigError(`${path}.pattern.regex`, 'is empty');
  const compiled = compileRe2Substitution(regex, rewrite.substitution, path);
  return (requestPath) => {
    const end = pathEnd(requestPath);
    return compiled.replace(requestPath.slice(0, end)) + requestPath.slice(end);
  };
}

/** Puts `prefix` in the place of what matched. */
export function compilePrefixRewrite(prefix: string, match: PathMatch): (requestPath: string) => string {
  return (requestPath) => prefix + requestPath.slice(match.matchedLength === -1 ? pathEnd(requestPath) : match.matchedLength);
}

/** Puts the variables of the match's URI template into that of `path_rewrite_policy`; the query stays. */
function compileTemplateRewrite(policy: TypedExtensionConfig, match: PathMatch, path: string): (requestPath: string) => string {
  if (match.template === undefined) throw new ConfigError(path, 'needs path_match_policy with a URI template');
  const config = decodeTyped(policy.typedConfig, UriTemplateRewriteConfigSchema, `${path}.typed_config`);
  const rewrite = compileUriRewrite(config.pathTemplateRewrite, match.template, `${path}.typed_config.path_template_rewrite`);
  return (requestPath) => {
    const end = pathEnd(requestPath);
    return rewrite(requestPath.slice(0, end)) + requestPath.slice(end);
  };
}

function pathRewrite(action: RouteAction, match: PathMatch, path: string): Rewrite | undefined {
  const { prefixRewrite: prefix, regexRewrite: regex, pathRewritePolicy: policy } = action;
  if ([prefix !== '', regex !== undefined, policy !== undefined].filter(Boolean).length > 1)
    throw new ConfigError(path, 'prefix_rewrite, regex_rewrite and path_rewrite_policy exclude each other');
  const rewrite =
    regex !== undefined
      ? compilePathRegex(regex, `${path}.regex_rewrite`)
      : policy !== undefined
        ? compileTemplateRewrite(policy, match, `${path}.path_rewrite_policy`)
        : prefix === ''
          ? undefined
          : compilePrefixRewrite(prefix, match);
  if (rewrite === undefined) return undefined;
  return (head) => {
    head.path = rewrite(head.path);
  };
}

/** The new host, or undefined where it stays. */
function hostOf(action: RouteAction, path: string): ((head: RequestHead) => string | undefined) | undefined {
  const { hostRewriteSpecifier: specifier } = action;
  switch (specifier.case) {
    case undefined:
      return undefined;
    case 'hostRewriteLiteral': {
      const { value } = specifier;
      return () => value;
    }
    case 'hostRewriteHeader':
      return headerReader(specifier.value.toLowerCase());
    case 'hostRewritePathRegex': {
      const rewrite = compilePathRegex(specifier.value, `${path}.host_rewrite_path_regex`);
      return (head) => rewrite(head.path.slice(0, pathEnd(head.path)));
    }
    case 'autoHostRewrite':
      // known only once an endpoint is chosen: `rewritesHostToEndpoint`
      return undefined;
  }
}

function hostRewrite(action: RouteAction, path: string): Rewrite | undefined {
  const host = hostOf(action, path);
  if (host === undefined) return undefined;
  return (head) => {
    const value = host(head);
    if (value === undefined || value === '') return;
    if (action.appendXForwardedHost) head.headers.add('x-forwarded-host', head.authority);
    head.authority = value;
  };
}

/** What a route rewrites, or undefined where it rewrites nothing. */
export function compileRewrite(action: RouteAction, match: PathMatch, path: string): Rewrite | undefined {
  const host = hostRewrite(action, path);
  const rewritePath = pathRewrite(action, match, path);
  if (host === undefined || rewritePath === undefined) return host ?? rewritePath;
  return (head) => {
    // the host may be made of the path as it came
    host(head);
    rewritePath(head);
  };
}
