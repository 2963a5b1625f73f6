/** The model's string matches as Envoy's. */
import { create } from '@bufbuild/protobuf';
import type { StringMatch } from '../../model/match.ts';
import { type HeaderMatcher, HeaderMatcherSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { type StringMatcher, StringMatcherSchema } from '../../xds/gen/envoy/type/matcher/v3/string_pb.ts';

/** `*` wildcards of Istio's policies as regular expressions need the rest taken literally. */
export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** A `StringMatcher`; `present` becomes the expression that any text fits. */
export function stringMatcher(match: StringMatch, ignoreCase = false): StringMatcher {
  if (match.kind === 'regex') return create(StringMatcherSchema, { matchPattern: { case: 'safeRegex', value: { regex: match.value } } });
  if (match.kind === 'present') return create(StringMatcherSchema, { matchPattern: { case: 'safeRegex', value: { regex: '.*' } } });
  // Envoy refuses empty prefixes and suffixes, which match everything
  if (match.kind !== 'exact' && match.value === '') return stringMatcher({ kind: 'present' });
  return create(StringMatcherSchema, { matchPattern: { case: match.kind, value: match.value }, ignoreCase });
}

/** A header's match; `invert` holds where the header is absent too. */
export function headerMatcher(name: string, match: StringMatch, invert = false): HeaderMatcher {
  if (match.kind === 'present') {
    return create(HeaderMatcherSchema, { name, headerMatchSpecifier: { case: 'presentMatch', value: true }, invertMatch: invert });
  }
  return create(HeaderMatcherSchema, {
    name,
    headerMatchSpecifier: { case: 'stringMatch', value: stringMatcher(match) },
    invertMatch: invert,
    treatMissingHeaderAsEmpty: invert,
  });
}
