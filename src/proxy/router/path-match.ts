/** What a route asks of the path, and which part of it a rewrite replaces. Envoy: RouteMatch.path_specifier. */
import { ConfigError } from '../../core/errors.ts';
import type { TypedExtensionConfig } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import type { RouteMatch } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { UriTemplateMatchConfigSchema } from '../../xds/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.ts';
import { decodeTyped } from '../config/typed-config.ts';
import { compileRegexMatcher, type TextTest } from './matchers.ts';
import { compileUriTemplate, type UriTemplate } from './uri-template.ts';

export interface PathMatch {
  /** Tests a path without query and fragment. */
  readonly test: TextTest;
  /** Characters at the start of a matched path that `prefix_rewrite` replaces; -1 for all. */
  readonly matchedLength: number;
  /** What the path has to be, or to begin with, for the test to hold; undefined where that cannot be said. */
  readonly key: { readonly isWhole: boolean; readonly text: string } | undefined;
  /** Only CONNECT requests match, whose path does not count. */
  readonly isConnect: boolean;
  /** The URI template, for its rewrite. */
  readonly template: UriTemplate | undefined;
}

/** Where query or fragment begin; the length where there is neither. */
export function pathEnd(requestPath: string): number {
  const query = requestPath.indexOf('?');
  const end = query === -1 ? requestPath.length : query;
  const hash = requestPath.indexOf('#');
  return hash === -1 || hash > end ? end : hash;
}

function prefixTest(prefix: string, isCaseSensitive: boolean): TextTest {
  if (prefix === '/') return (path) => path.startsWith('/');
  if (isCaseSensitive) return (path) => path.startsWith(prefix);
  const lower = prefix.toLowerCase();
  return (path) => path.slice(0, lower.length).toLowerCase() === lower;
}

function exactTest(wanted: string, isCaseSensitive: boolean): TextTest {
  if (isCaseSensitive) return (path) => path === wanted;
  const lower = wanted.toLowerCase();
  return (path) => path.length === lower.length && path.toLowerCase() === lower;
}

function separatedTest(prefix: string, isCaseSensitive: boolean, path: string): TextTest {
  if (!/^[^?#]+[^?#/]$/.test(prefix))
    throw new ConfigError(`${path}.path_separated_prefix`, `"${prefix}" has a query, a fragment or a closing slash`);
  const starts = prefixTest(prefix, isCaseSensitive);
  return (text) => starts(text) && (text.length === prefix.length || text[prefix.length] === '/');
}

/** What every text begins with that an expression matches in full, as far as it is plain to see. */
export function literalStart(regex: string): string {
  if (regex.includes('|')) return '';
  const [literal = ''] = /^[^\\.+*?()[\]{}^$]*/.exec(regex) ?? [];
  // the last character may be one that need not be there
  return '*?{'.includes(regex.charAt(literal.length) || '.') ? literal.replace(/.$/su, '') : literal;
}

function pathMatch(test: TextTest, more: Partial<PathMatch> = {}): PathMatch {
  return { test, matchedLength: -1, key: undefined, isConnect: false, template: undefined, ...more };
}

/** What every path matches. */
export const ANYWHERE = pathMatch(() => true);

function templateMatch(policy: TypedExtensionConfig, path: string): PathMatch {
  const config = decodeTyped(policy.typedConfig, UriTemplateMatchConfigSchema, `${path}.typed_config`);
  const template = compileUriTemplate(config.pathTemplate, `${path}.typed_config.path_template`);
  const [literal = ''] = /^[^{*]*/.exec(config.pathTemplate) ?? [];
  return pathMatch(template.test, { template, key: { isWhole: false, text: literal } });
}

/** Compiles the path part of a match. Throws ConfigError where there is none. */
export function compilePathMatch(match: RouteMatch, path: string): PathMatch {
  const { pathSpecifier: specifier } = match;
  const isCaseSensitive = match.caseSensitive ?? true;
  const keyOf = (text: string, isWhole: boolean): PathMatch['key'] => (isCaseSensitive ? { isWhole, text } : undefined);
  switch (specifier.case) {
    case 'prefix':
      return pathMatch(prefixTest(specifier.value, isCaseSensitive), {
        matchedLength: specifier.value.length,
        key: keyOf(specifier.value, false),
      });
    case 'path':
      return pathMatch(exactTest(specifier.value, isCaseSensitive), { key: keyOf(specifier.value, true) });
    case 'pathSeparatedPrefix':
      return pathMatch(separatedTest(specifier.value, isCaseSensitive, path), {
        matchedLength: specifier.value.length,
        key: keyOf(specifier.value, false),
      });
    case 'safeRegex':
      return pathMatch(compileRegexMatcher(specifier.value, `${path}.safe_regex`), {
        key: { isWhole: false, text: literalStart(specifier.value.regex) },
      });
    case 'connectMatcher':
      return pathMatch(() => true, { isConnect: true });
    case 'pathMatchPolicy':
      return templateMatch(specifier.value, `${path}.path_match_policy`);
    case undefined:
      throw new ConfigError(path, 'says no prefix, path, path_separated_prefix, safe_regex, connect_matcher or path_match_policy');
  }
}
