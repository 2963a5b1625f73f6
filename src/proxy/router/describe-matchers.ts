/** Matchers in words, for whoever asks why one did not match. Cold: nothing here runs for a request. */
import type { HeaderMatcher, QueryParameterMatcher } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { StringMatcher } from '../../xds/gen/envoy/type/matcher/v3/string_pb.ts';

const NEGATED = 'not ';

/** `exact "x"`, `prefix "x"`, ... */
export function describeString(matcher: StringMatcher | undefined): string {
  const pattern = matcher?.matchPattern;
  if (pattern?.case === undefined || pattern.case === 'custom') return 'anything';
  const value = pattern.case === 'safeRegex' ? pattern.value.regex : pattern.value;
  return `${pattern.case === 'safeRegex' ? 'regex' : pattern.case} ${JSON.stringify(value)}${matcher?.ignoreCase === true ? ' in any case' : ''}`;
}

function describeValue({ headerMatchSpecifier: specifier }: HeaderMatcher): string {
  switch (specifier.case) {
    case undefined:
      return 'present';
    case 'presentMatch':
      return specifier.value ? 'present' : 'absent';
    case 'stringMatch':
      return describeString(specifier.value);
    case 'safeRegexMatch':
      return `regex ${JSON.stringify(specifier.value.regex)}`;
    case 'rangeMatch':
      return `from ${specifier.value.start} up to, not including, ${specifier.value.end}`;
    case 'exactMatch':
    case 'prefixMatch':
    case 'suffixMatch':
    case 'containsMatch':
      return `${specifier.case.replace('Match', '')} ${JSON.stringify(specifier.value)}`;
  }
}

/** What is asked of a header's value. */
export function describeHeader(matcher: HeaderMatcher): string {
  return `${matcher.invertMatch ? NEGATED : ''}${describeValue(matcher)}`;
}

/** What is asked of a query parameter's value. */
export function describeQuery({ queryParameterMatchSpecifier: specifier }: QueryParameterMatcher): string {
  if (specifier.case === 'stringMatch') return describeString(specifier.value);
  return specifier.case === 'presentMatch' && !specifier.value ? 'absent' : 'present';
}
