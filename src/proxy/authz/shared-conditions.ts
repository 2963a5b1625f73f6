/** Conditions that permissions and principals have in common. Source: Envoy, envoy.config.rbac.v3. */
import { type Cidr, cidrContains, parseIp } from '../../core/cidr.ts';
import { ConfigError } from '../../core/errors.ts';
import type { HeaderMatcher } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import type { CidrRange } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import type { TypedExtensionConfig } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import { MetadataSource, type SourcedMetadata } from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { UriTemplateMatchConfigSchema } from '../../xds/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.ts';
import type { MetadataMatcher } from '../../xds/gen/envoy/type/matcher/v3/metadata_pb.ts';
import type { PathMatcher } from '../../xds/gen/envoy/type/matcher/v3/path_pb.ts';
import { decodeTyped } from '../config/typed-config.ts';
import { compileHeaderMatcher, compileStringMatcher } from '../router/matchers.ts';
import { compileUriTemplate } from '../router/uri-template.ts';
import type { Condition } from './condition.ts';
import { compileMetadataMatcher } from './metadata-matcher.ts';

/** A header of the request; a connection without HTTP has none. */
export function headerCondition(matcher: HeaderMatcher, path: string): Condition {
  const matches = compileHeaderMatcher(matcher, path);
  return { kind: 'request', holds: ({ request }) => request !== undefined && matches(request) };
}

/** The last answer of `pathOf`: all conditions ask about one request in turn. */
let lastTarget = '';
let lastPath = '';

/** The path of a request target, without query and fragment. */
function pathOf(target: string): string {
  if (target === lastTarget) return lastPath;
  lastTarget = target;
  lastPath = target;
  for (let i = 0; i < target.length; i++) {
    const c = target.charCodeAt(i);
    if (c === 0x3f || c === 0x23) {
      lastPath = target.slice(0, i);
      break;
    }
  }
  return lastPath;
}

/** The request's path. */
export function pathCondition(matcher: PathMatcher, path: string): Condition {
  if (matcher.rule.case !== 'path') throw new ConfigError(`${path}.path`, 'is missing');
  const matches = compileStringMatcher(matcher.rule.value, `${path}.path`);
  return { kind: 'request', holds: ({ request }) => request !== undefined && matches(pathOf(request.path)) };
}

/** What filters before this one left about the stream; of a connection, what its listener's filters left. */
export function metadataCondition(matcher: MetadataMatcher, path: string): Condition {
  const matches = compileMetadataMatcher(matcher, path);
  return { kind: 'request', holds: ({ connection, info }) => matches((info?.metadata ?? connection.metadata)?.get(matcher.filter)) };
}

/** What filters left about the stream, or what the route's configuration says. */
export function sourcedMetadata({ metadataMatcher, metadataSource }: SourcedMetadata, path: string): Condition {
  if (metadataMatcher === undefined) throw new ConfigError(`${path}.metadata_matcher`, 'is missing');
  if (metadataSource === MetadataSource.DYNAMIC) return metadataCondition(metadataMatcher, `${path}.metadata_matcher`);
  if (metadataSource !== MetadataSource.ROUTE) throw new ConfigError(`${path}.metadata_source`, `${metadataSource} is not known`);
  const matches = compileMetadataMatcher(metadataMatcher, `${path}.metadata_matcher`);
  return { kind: 'request', holds: ({ info }) => matches(info?.route?.metadata[metadataMatcher.filter]) };
}

/** The request's path by a URI template. */
export function templateCondition({ name, typedConfig }: TypedExtensionConfig, path: string): Condition {
  if (typedConfig === undefined) throw new ConfigError(`${path}.typed_config`, `${name} has none`);
  const { pathTemplate } = decodeTyped(typedConfig, UriTemplateMatchConfigSchema, `${path}.typed_config`);
  const { test } = compileUriTemplate(pathTemplate, `${path}.typed_config.path_template`);
  return { kind: 'request', holds: ({ request }) => request !== undefined && test(pathOf(request.path)) };
}

/** An IPv4 address that came as an IPv6 one (RFC 4291 section 2.5.5.2) counts as what it is. */
function unmap(address: Uint8Array): Uint8Array {
  if (address.length !== 16 || address[10] !== 0xff || address[11] !== 0xff) return address;
  return address.subarray(0, 10).every((byte) => byte === 0) ? address.subarray(12) : address;
}

/** A test for addresses in a block. A host that is no IP address (a Unix socket) lies in none. */
export function compileCidr(range: CidrRange, path: string): (host: string) => boolean {
  const address = parseIp(range.addressPrefix);
  if (address === undefined) throw new ConfigError(`${path}.address_prefix`, `${range.addressPrefix} is not an IP address`);
  const prefixLength = range.prefixLen ?? 0;
  if (prefixLength > address.length * 8) throw new ConfigError(`${path}.prefix_len`, `${prefixLength} is longer than the address`);
  const block: Cidr = { address, prefixLength };
  return (host) => {
    const bytes = parseIp(host);
    return bytes !== undefined && cidrContains(block, unmap(bytes));
  };
}
