/** Matchers of strings, headers and query parameters, compiled to closures. Envoy: type.matcher.v3, HeaderMatcher. */
import { ConfigError } from '../../core/errors.ts';
import { compileRe2 } from '../../core/re2.ts';
import { type FieldName, fieldName } from '../../wire/http/headers.ts';
import type { RequestHead, ResponseHead } from '../../wire/http/message.ts';
import type { HeaderMatcher, QueryParameterMatcher } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { RegexMatcher } from '../../xds/gen/envoy/type/matcher/v3/regex_pb.ts';
import type { StringMatcher } from '../../xds/gen/envoy/type/matcher/v3/string_pb.ts';

export type TextTest = (text: string) => boolean;
export type HeadTest = (head: RequestHead) => boolean;

/** A test for full matches of a `safe_regex`. */
export function compileRegexMatcher(matcher: RegexMatcher, path: string): TextTest {
  if (matcher.regex === '') throw new ConfigError(`${path}.regex`, 'is empty');
  return compileRe2(matcher.regex, `${path}.regex`).fullMatch;
}

/** A test for a StringMatcher; `ignore_case` has no effect on regular expressions. */
export function compileStringMatcher(matcher: StringMatcher, path: string): TextTest {
  const { matchPattern, ignoreCase } = matcher;
  if (matchPattern.case === 'safeRegex') return compileRegexMatcher(matchPattern.value, `${path}.safe_regex`);
  if (matchPattern.case === undefined || matchPattern.case === 'custom')
    throw new ConfigError(path, 'says no exact, prefix, suffix, contains or safe_regex');
  const wanted = ignoreCase ? matchPattern.value.toLowerCase() : matchPattern.value;
  const test = TEXT_TESTS[matchPattern.case](wanted);
  return ignoreCase ? (text) => test(text.toLowerCase()) : test;
}

const TEXT_TESTS = {
  exact: (wanted: string) => (text: string) => text === wanted,
  prefix: (wanted: string) => (text: string) => text.startsWith(wanted),
  suffix: (wanted: string) => (text: string) => text.endsWith(wanted),
  contains: (wanted: string) => (text: string) => text.includes(wanted),
} as const satisfies Record<string, (wanted: string) => TextTest>;

/** Reads a header of a request by name; several fields are joined by commas; pseudo-headers read the start line. */
export function headerReader(name: string): (head: RequestHead) => string | undefined {
  switch (name) {
    case ':method':
      return (head) => head.method;
    case ':path':
      return (head) => head.path;
    case ':authority':
    case 'host':
      return (head) => head.authority;
    case ':scheme':
      return (head) => head.scheme;
    default:
      return readField(fieldName(name));
  }
}

function readField(name: FieldName): (head: Pick<RequestHead, 'headers'>) => string | undefined {
  return ({ headers }) => {
    const values = headers.getAll(name);
    if (values.length === 0) return undefined;
    return values.length === 1 ? values[0] : values.join(',');
  };
}

/** The test of a header's value; undefined where only its presence counts. */
function valueTest(specifier: HeaderMatcher['headerMatchSpecifier'], path: string): TextTest | undefined {
  switch (specifier.case) {
    case undefined:
    case 'presentMatch':
      return undefined;
    case 'safeRegexMatch':
      return compileRegexMatcher(specifier.value, `${path}.safe_regex_match`);
    case 'stringMatch':
      return compileStringMatcher(specifier.value, `${path}.string_match`);
    case 'rangeMatch': {
      const { start, end } = specifier.value;
      return (text) => /^[+-]?\d{1,18}$/.test(text) && BigInt(text.replace('+', '')) >= start && BigInt(text.replace('+', '')) < end;
    }
    case 'exactMatch':
      return TEXT_TESTS.exact(specifier.value);
    case 'prefixMatch':
      return TEXT_TESTS.prefix(specifier.value);
    case 'suffixMatch':
      return TEXT_TESTS.suffix(specifier.value);
    case 'containsMatch':
      return TEXT_TESTS.contains(specifier.value);
  }
}

/**
 * A test for a HeaderMatcher. A header that is missing fails every test of its value, inverted or not, unless it is
 * treated as empty.
 */
export function compileHeaderMatcher(matcher: HeaderMatcher, path: string): HeadTest {
  return compileMatcher(matcher, headerReader(matcher.name.toLowerCase()), path);
}

/** As `compileHeaderMatcher`, for a response; `:status` is its status. */
export function compileResponseMatcher(matcher: HeaderMatcher, path: string): (head: ResponseHead) => boolean {
  const name = matcher.name.toLowerCase();
  const read = name === ':status' ? (head: ResponseHead) => String(head.status) : readField(fieldName(name));
  return compileMatcher(matcher, read, path);
}

function compileMatcher<Head>(matcher: HeaderMatcher, read: (head: Head) => string | undefined, path: string): (head: Head) => boolean {
  if (matcher.name === '') throw new ConfigError(`${path}.name`, 'is empty');
  const { headerMatchSpecifier: specifier, invertMatch, treatMissingHeaderAsEmpty } = matcher;
  const test = valueTest(specifier, path);
  if (test === undefined) {
    const wanted = (specifier.case === 'presentMatch' ? specifier.value : true) !== invertMatch;
    return (head) => (treatMissingHeaderAsEmpty || read(head) !== undefined) === wanted;
  }
  return (head) => {
    const value = read(head) ?? (treatMissingHeaderAsEmpty ? '' : undefined);
    return value !== undefined && test(value) !== invertMatch;
  };
}

/** The first value of a query parameter, not decoded, '' where it has no `=`; undefined where it is missing. */
export function queryParameter(requestPath: string, name: string): string | undefined {
  const start = requestPath.indexOf('?');
  if (start === -1) return undefined;
  const hash = requestPath.indexOf('#', start);
  const query = requestPath.slice(start + 1, hash === -1 ? undefined : hash);
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    if ((equals === -1 ? pair : pair.slice(0, equals)) === name) return equals === -1 ? '' : pair.slice(equals + 1);
  }
  return undefined;
}

/** A test for a QueryParameterMatcher. */
export function compileQueryMatcher(matcher: QueryParameterMatcher, path: string): HeadTest {
  const { name, queryParameterMatchSpecifier: specifier } = matcher;
  if (name === '') throw new ConfigError(`${path}.name`, 'is empty');
  if (specifier.case === 'stringMatch') {
    const test = compileStringMatcher(specifier.value, `${path}.string_match`);
    return (head) => {
      const value = queryParameter(head.path, name);
      return value !== undefined && test(value);
    };
  }
  const wanted = specifier.case === 'presentMatch' ? specifier.value : true;
  return (head) => (queryParameter(head.path, name) !== undefined) === wanted;
}
