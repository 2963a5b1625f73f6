/** What a route asks of the path, and which part of it a rewrite replaces. Envoy: RouteMatch.path_specifier. */
import { ConfigError } from '../../core/errors.ts';
import type { RouteMatch } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { compileRegexMatcher, type TextTest } from './matchers.ts';

export interface PathMatch {
  /** Tests a path without query and fragment. */
  readonly test: TextTest;
  /** Characters at the start of a matched path that `prefix_rewrite` replaces; -1 for all. */
  readonly matchedLength: number;
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

/** Compiles the path part of a match. Throws ConfigError for none and for CONNECT and URI templates. */
export function compilePathMatch(match: RouteMatch, path: string): PathMatch {
  const { pathSpecifier: specifier } = match;
  const isCaseSensitive = match.caseSensitive ?? true;
  switch (specifier.case) {
    case 'prefix':
      return { test: prefixTest(specifier.value, isCaseSensitive), matchedLength: specifier.value.length };
    case 'path':
      return { test: exactTest(specifier.value, isCaseSensitive), matchedLength: -1 };
    case 'pathSeparatedPrefix':
      return { test: separatedTest(specifier.value, isCaseSensitive, path), matchedLength: specifier.value.length };
    case 'safeRegex':
      return { test: compileRegexMatcher(specifier.value, `${path}.safe_regex`), matchedLength: -1 };
    case 'connectMatcher':
    case 'pathMatchPolicy':
      throw new ConfigError(
        path,
        `${specifier.case === 'connectMatcher' ? 'connect_matcher' : 'path_match_policy'} is not supported by Tulle`,
      );
    case undefined:
      throw new ConfigError(path, 'says no prefix, path, path_separated_prefix or safe_regex');
  }
}
