/** Whether one match of a route takes everything that another does. Says no where it cannot tell. */
import { compileRe2 } from '../../core/re2.ts';
import type { LabelSelector, StringMatch } from '../../model/match.ts';
import type { HttpMatch } from '../../model/route.ts';

/** True where `text` matches the whole expression; false also where the expression cannot be judged. */
export function fullMatches(pattern: string, text: string): boolean {
  try {
    return compileRe2(pattern, '').fullMatch(text);
  } catch {
    return false;
  }
}

function isAnything(pattern: string): boolean {
  return pattern === '.*' || pattern === '(.*)';
}

/** True where every value that `narrow` takes is taken by `wide`. */
export function coversText(wide: StringMatch, narrow: StringMatch): boolean {
  if (wide.kind === 'present') return true;
  if (narrow.kind === 'present') return wide.kind === 'regex' && wide.value === '.*';
  if (wide.kind === 'regex') {
    if (isAnything(wide.value) || (narrow.kind === 'regex' && narrow.value === wide.value)) return true;
    return narrow.kind === 'exact' && fullMatches(wide.value, narrow.value);
  }
  if (wide.kind === 'exact') return narrow.kind === 'exact' && narrow.value === wide.value;
  if (wide.kind === 'suffix') return (narrow.kind === 'exact' || narrow.kind === 'suffix') && narrow.value.endsWith(wide.value);
  return (narrow.kind === 'exact' || narrow.kind === 'prefix') && narrow.value.startsWith(wide.value);
}

function lowered(match: StringMatch): StringMatch {
  return match.kind === 'exact' || match.kind === 'prefix' ? { ...match, value: match.value.toLowerCase() } : match;
}

/** Paths always begin with a slash. */
function takesEveryPath({ uri }: HttpMatch): boolean {
  if (uri === undefined || uri.kind === 'present') return true;
  return uri.kind === 'regex'
    ? isAnything(uri.value) || uri.value === '.+' || uri.value === '/.*'
    : uri.kind === 'prefix' && uri.value === '/';
}

/** Case of a path counts for expressions whatever `ignoreUriCase` says. */
function ignoresCase({ uri, ignoreUriCase }: HttpMatch): boolean {
  return ignoreUriCase && uri?.kind !== 'regex';
}

function coversPath(wide: HttpMatch, narrow: HttpMatch): boolean {
  if (takesEveryPath(wide) || wide.uri === undefined) return true;
  if (narrow.uri === undefined) return false;
  if (ignoresCase(wide)) return coversText(lowered(wide.uri), lowered(narrow.uri));
  return !ignoresCase(narrow) && coversText(wide.uri, narrow.uri);
}

function coversOptional(wide: StringMatch | undefined, narrow: StringMatch | undefined): boolean {
  return wide === undefined || (narrow !== undefined && coversText(wide, narrow));
}

type Named = HttpMatch['headers'];

/** Every condition of `wide` follows from one of `narrow`'s. */
function coversNamed(wide: Named, narrow: Named): boolean {
  return wide.every(([name, match]) => narrow.some(([other, own]) => other === name && coversText(match, own)));
}

/** What must not be there: `narrow` must forbid at least what `wide` does. */
function coversForbidden(wide: Named, narrow: Named): boolean {
  return wide.every(([name, match]) => narrow.some(([other, own]) => other === name && coversText(own, match)));
}

function coversLabels(wide: LabelSelector, narrow: LabelSelector): boolean {
  return Object.entries(wide).every(([name, value]) => narrow[name] === value);
}

function coversGateways(wide: readonly string[], narrow: readonly string[]): boolean {
  return wide.length === 0 || (narrow.length > 0 && narrow.every((gateway) => wide.includes(gateway)));
}

/** True where every request that `narrow` takes is taken by `wide`. */
export function coversMatch(wide: HttpMatch, narrow: HttpMatch): boolean {
  return (
    coversPath(wide, narrow) &&
    coversOptional(wide.scheme, narrow.scheme) &&
    coversOptional(wide.method, narrow.method) &&
    coversOptional(wide.authority, narrow.authority) &&
    coversNamed(wide.headers, narrow.headers) &&
    coversForbidden(wide.withoutHeaders, narrow.withoutHeaders) &&
    coversNamed(wide.queryParams, narrow.queryParams) &&
    (wide.port === undefined || wide.port === narrow.port) &&
    (wide.sourceNamespace === undefined || wide.sourceNamespace === narrow.sourceNamespace) &&
    coversLabels(wide.sourceLabels, narrow.sourceLabels) &&
    coversGateways(wide.gateways, narrow.gateways)
  );
}

/** True where a match takes every request, wherever it comes from. */
export function takesEverything(match: HttpMatch): boolean {
  const { scheme, method, authority, headers, withoutHeaders, queryParams, port, sourceNamespace, sourceLabels, gateways } = match;
  const isNarrowed = [scheme, method, authority, port, sourceNamespace].some((value) => value !== undefined);
  const named = [headers, withoutHeaders, queryParams, gateways, Object.keys(sourceLabels)];
  return !isNarrowed && named.every(({ length }) => length === 0) && takesEveryPath(match);
}
