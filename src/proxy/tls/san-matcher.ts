import { create } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { compileRe2 } from '../../core/re2.ts';
import type { AltNames } from '../../net/peer-certificate.ts';
import {
  type CertificateValidationContext,
  type SubjectAltNameMatcher,
  SubjectAltNameMatcherSchema,
  SubjectAltNameMatcher_SanType as SanType,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { StringMatcher } from '../../xds/gen/envoy/type/matcher/v3/string_pb.ts';

/** True where a certificate bears a name that is asked for. */
export type SanMatch = (names: AltNames) => boolean;

function compileText(matcher: StringMatcher | undefined, path: string): (value: string) => boolean {
  const pattern = matcher?.matchPattern;
  const fold = matcher?.ignoreCase === true ? (text: string) => text.toLowerCase() : (text: string) => text;
  switch (pattern?.case) {
    case 'exact': {
      const want = fold(pattern.value);
      return (value) => fold(value) === want;
    }
    case 'prefix': {
      const want = fold(pattern.value);
      return (value) => fold(value).startsWith(want);
    }
    case 'suffix': {
      const want = fold(pattern.value);
      return (value) => fold(value).endsWith(want);
    }
    case 'contains': {
      const want = fold(pattern.value);
      return (value) => fold(value).includes(want);
    }
    case 'safeRegex': {
      const regex = compileRe2(pattern.value.regex, `${path}.safe_regex.regex`);
      return (value) => regex.fullMatch(value);
    }
    default:
      throw new ConfigError(path, `${pattern?.case ?? 'no pattern'}; exact, prefix, suffix, contains or safe_regex is needed`);
  }
}

/** True where the label of a host fits the label of a pattern, in which one `*` stands for any characters. */
function labelFits(label: string, pattern: string): boolean {
  const parts = pattern.split('*');
  const [before = '', after = ''] = parts;
  return parts.length === 2 && pattern.length <= label.length + 1 && label.startsWith(before) && label.endsWith(after);
}

/**
 * True where `name`, as a certificate has it, covers the host `want` (RFC 6125 section 6.4.3): a `*` stands for any
 * characters of the first label, and nowhere else, nor in an internationalized label.
 */
export function dnsNameCovers(name: string, want: string): boolean {
  const pattern = name.toLowerCase();
  const host = want.toLowerCase();
  if (pattern === host) return true;
  const [patternDot, hostDot] = [pattern.indexOf('.'), host.indexOf('.')];
  if (patternDot <= 0 || hostDot <= 0 || pattern.slice(patternDot) !== host.slice(hostDot)) return false;
  const label = pattern.slice(0, patternDot);
  return !label.startsWith('xn--') && !pattern.includes('*', patternDot) && labelFits(host.slice(0, hostDot), label);
}

function compileOne(matcher: SubjectAltNameMatcher, path: string): SanMatch {
  const test = compileText(matcher.matcher, `${path}.matcher`);
  if (matcher.oid !== '' && matcher.sanType !== SanType.OTHER_NAME) throw new ConfigError(`${path}.oid`, 'is for san_type OTHER_NAME');
  switch (matcher.sanType) {
    case SanType.URI:
      return (names) => names.uris.some(test);
    case SanType.DNS: {
      // Envoy: an exact DNS matcher honours the certificate's wildcards
      const pattern = matcher.matcher?.matchPattern;
      if (pattern?.case === 'exact') return (names) => names.dns.some((name) => dnsNameCovers(name, pattern.value));
      return (names) => names.dns.some(test);
    }
    case SanType.EMAIL:
      return (names) => names.emails.some(test);
    case SanType.IP_ADDRESS:
      return (names) => names.ips.some(test);
    case SanType.OTHER_NAME: {
      const { oid } = matcher;
      if (!/^\d+(?:\.\d+)+$/.test(oid)) throw new ConfigError(`${path}.oid`, `"${oid}" is no object identifier`);
      return (names) => names.otherNames.some((name) => name.oid === oid && test(name.value));
    }
    default:
      throw new ConfigError(`${path}.san_type`, `${matcher.sanType} is not supported; EMAIL, DNS, URI, IP_ADDRESS or OTHER_NAME is needed`);
  }
}

/** A matcher of the deprecated list, which says nothing of types: it is one for each of them. */
function compileUntyped(matcher: StringMatcher, path: string): SanMatch {
  const types = [SanType.DNS, SanType.URI, SanType.EMAIL, SanType.IP_ADDRESS] as const;
  const all = types.map((sanType) => compileOne(create(SubjectAltNameMatcherSchema, { sanType, matcher }), path));
  return (names) => all.some((match) => match(names));
}

/** The name matchers of a validation context; undefined where any name will do. Those with types count alone. */
export function compileSanMatchers(context: CertificateValidationContext, path: string): SanMatch | undefined {
  const typed = context.matchTypedSubjectAltNames.map((matcher, i) => compileOne(matcher, `${path}.match_typed_subject_alt_names[${i}]`));
  const all =
    typed.length > 0
      ? typed
      : context.matchSubjectAltNames.map((matcher, i) => compileUntyped(matcher, `${path}.match_subject_alt_names[${i}]`));
  return all.length === 0 ? undefined : (names) => all.some((match) => match(names));
}
