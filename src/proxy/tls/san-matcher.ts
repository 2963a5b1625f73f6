import { ConfigError } from '../../core/errors.ts';
import { compileRe2 } from '../../core/re2.ts';
import type { AltNames } from '../../net/peer-certificate.ts';
import {
  type CertificateValidationContext,
  type SubjectAltNameMatcher,
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

/** True where `name`, as a certificate has it, covers the host `want`: a leading `*.` stands for one label (RFC 6125). */
export function dnsNameCovers(name: string, want: string): boolean {
  const pattern = name.toLowerCase();
  const host = want.toLowerCase();
  if (!pattern.startsWith('*.')) return pattern === host;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === pattern.slice(1);
}

function compileOne(matcher: SubjectAltNameMatcher, path: string): SanMatch {
  const test = compileText(matcher.matcher, `${path}.matcher`);
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
    default:
      throw new ConfigError(`${path}.san_type`, `${matcher.sanType} is not supported; EMAIL, DNS, URI or IP_ADDRESS is needed`);
  }
}

/** The name matchers of a validation context; undefined where any name will do. */
export function compileSanMatchers(context: CertificateValidationContext, path: string): SanMatch | undefined {
  const typed = context.matchTypedSubjectAltNames.map((matcher, i) => compileOne(matcher, `${path}.match_typed_subject_alt_names[${i}]`));
  const untyped = context.matchSubjectAltNames.map((matcher, i): SanMatch => {
    const test = compileText(matcher, `${path}.match_subject_alt_names[${i}]`);
    return (names) => [names.uris, names.dns, names.ips, names.emails].some((values) => values.some(test));
  });
  const all = [...typed, ...untyped];
  return all.length === 0 ? undefined : (names) => all.some((match) => match(names));
}
