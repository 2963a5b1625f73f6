/**
 * What rate limits of routes say of a request: `rate_limits`. Each policy gives a descriptor, a list of keys and values,
 * for limiters to look up. Source: Envoy, envoy.config.route.v3.RateLimit.
 *
 * `descriptor_value` is taken as it is, as Envoy takes it, whose formatter commands in it are off unless a runtime flag
 * says otherwise.
 *
 * Left out, and refused by name: what only a rate limit service reads (`limit`, `hits_addend`, `apply_on_stream_done`,
 * `x_ratelimit_option`), extensions, and `dynamic_metadata`, which `metadata` has replaced.
 */
import { parseIp } from '../../core/cidr.ts';
import { ConfigError } from '../../core/errors.ts';
import {
  type RateLimit,
  type RateLimit_Action,
  type RateLimit_Action_MetaData,
  RateLimit_Action_MetaData_Source as Source,
  type RateLimit_Action_RemoteAddressMatch,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { compileCidr } from '../authz/shared-conditions.ts';
import type { HttpStream } from '../http/filter.ts';
import { metadataAt } from '../telemetry/metadata-path.ts';
import { compileHeaderMatcher, compileQueryMatcher, type HeadTest, headerReader, queryParameter } from './matchers.ts';

/** A policy, prepared. */
export interface RateLimitPolicy {
  readonly stage: number;
  /** The request's descriptor as `descriptorKey` writes it; undefined where an action has nothing to say. */
  describe(stream: HttpStream, localCluster: string): string | undefined;
}

/** Values may be whatever header fields can hold, so that neither of these. */
const AFTER_KEY = '\u0001';
const AFTER_VALUE = '\u0002';

/** One text for a descriptor's entries, equal for equal ones. */
export function descriptorKey(entries: readonly (readonly [key: string, value: string])[]): string {
  return entries.map(([key, value]) => key + AFTER_KEY + value + AFTER_VALUE).join('');
}

/** The entries that such a text was made of. */
export function descriptorEntries(text: string): readonly (readonly [key: string, value: string])[] {
  return text
    .split(AFTER_VALUE)
    .slice(0, -1)
    .map((entry) => {
      const [key = '', value = ''] = entry.split(AFTER_KEY, 2);
      return [key, value] as const;
    });
}

/** The text of one entry; '' for an action that adds none, undefined for one that spoils the descriptor. */
type Describe = (stream: HttpStream, localCluster: string) => string | undefined;

function entry(key: string, value: string): string {
  return key + AFTER_KEY + value + AFTER_VALUE;
}

interface Valued {
  readonly descriptorKey: string;
  readonly descriptorValue: string;
}

/** An entry of a fixed value for the requests that `holds` is true for. */
function valued(
  { descriptorKey: key, descriptorValue: value }: Valued,
  usual: string,
  path: string,
  holds: (stream: HttpStream) => boolean,
): Describe {
  const text = entry(key === '' ? usual : key, named(value, `${path}.descriptor_value`));
  return (stream) => (holds(stream) ? text : undefined);
}

function matching(tests: readonly HeadTest[], expected: boolean, path: string): (stream: HttpStream) => boolean {
  if (tests.length === 0) throw new ConfigError(path, 'is empty');
  return ({ request }) => tests.every((test) => test(request)) === expected;
}

function named(name: string, path: string): string {
  if (name === '') throw new ConfigError(path, 'is empty');
  return name;
}

/** An optional value under a key: without one, the entry or the whole descriptor is left out. */
function optional(key: string, skips: boolean, read: (stream: HttpStream) => string | undefined): Describe {
  return (stream) => {
    const value = read(stream);
    if (value !== undefined) return entry(key, value);
    return skips ? '' : undefined;
  };
}

/** A parameter's value without its percent signs; as it stands where they are no UTF-8. */
function decoded(value: string | undefined): string | undefined {
  if (value === undefined || !value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function clientHost({ info, connection }: HttpStream): string {
  return (info.clientAddress ?? connection.remote).host;
}

/** An address as text; IPv6 in the form of RFC 5952, which URLs use too. */
function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const hex = Buffer.from(bytes).toString('hex');
  return new URL(`http://[${hex.match(/..../g)?.join(':') ?? '::'}]`).hostname.slice(1, -1);
}

/** An address with the bits after the first `length` cleared, as Envoy writes CIDR blocks. */
function maskedAddress(host: string, lengths: { readonly v4: number; readonly v6: number }): string | undefined {
  const bytes = parseIp(host);
  if (bytes === undefined) return undefined;
  const length = bytes.length === 4 ? lengths.v4 : lengths.v6;
  const masked = bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, length - i * 8))));
  return `${addressText(masked)}/${length}`;
}

function metadata(
  { descriptorKey: key, metadataKey, defaultValue, source, skipIfAbsent }: RateLimit_Action_MetaData,
  path: string,
): Describe {
  if (metadataKey === undefined) throw new ConfigError(`${path}.metadata_key`, 'is missing');
  if (source !== Source.DYNAMIC && source !== Source.ROUTE_ENTRY) {
    throw new ConfigError(`${path}.source`, 'only DYNAMIC and ROUTE_ENTRY are supported by Tulle');
  }
  const keys = metadataKey.path.map(({ segment }, i) => named(segment.value ?? '', `${path}.metadata_key.path[${i}].key`));
  return optional(named(key, `${path}.descriptor_key`), skipIfAbsent, ({ info, route }) => {
    const values: unknown = source === Source.DYNAMIC ? info.metadata.get(metadataKey.key) : route?.metadata[metadataKey.key];
    const value = metadataAt(values, keys);
    if (typeof value === 'string' && value !== '') return value;
    return defaultValue === '' ? undefined : defaultValue;
  });
}

function addressMatch(action: RateLimit_Action_RemoteAddressMatch, path: string): Describe {
  const matcher = action.addressMatcher;
  if (matcher === undefined || matcher.ranges.length === 0) throw new ConfigError(`${path}.address_matcher.ranges`, 'is empty');
  const ranges = matcher.ranges.map((range, i) => compileCidr(range, `${path}.address_matcher.ranges[${i}]`));
  return valued(action, 'remote_address_match', path, (stream) => {
    const host = clientHost(stream);
    return ranges.some((contains) => contains(host)) !== matcher.invertMatch;
  });
}

function compileAction({ actionSpecifier: action }: RateLimit_Action, path: string): Describe {
  switch (action.case) {
    case 'sourceCluster':
      return (_stream, localCluster) => entry('source_cluster', localCluster);
    case 'destinationCluster':
      return ({ info }) => entry('destination_cluster', info.clusterName);
    case 'genericKey':
      return valued(action.value, 'generic_key', `${path}.generic_key`, () => true);
    case 'remoteAddress':
      return optional('remote_address', false, (stream) => {
        const host = clientHost(stream);
        return parseIp(host) === undefined ? undefined : host;
      });
    case 'maskedRemoteAddress': {
      const lengths = { v4: action.value.v4PrefixMaskLen ?? 32, v6: action.value.v6PrefixMaskLen ?? 128 };
      if (lengths.v4 > 32) throw new ConfigError(`${path}.masked_remote_address.v4_prefix_mask_len`, `${lengths.v4} is more than 32`);
      if (lengths.v6 > 128) throw new ConfigError(`${path}.masked_remote_address.v6_prefix_mask_len`, `${lengths.v6} is more than 128`);
      return optional('masked_remote_address', false, (stream) => maskedAddress(clientHost(stream), lengths));
    }
    case 'requestHeaders': {
      const { headerName, descriptorKey: key, skipIfAbsent } = action.value;
      const at = `${path}.request_headers`;
      const name = named(headerName, `${at}.header_name`).toLowerCase();
      const isStartLine = name.startsWith(':') || name === 'host';
      const read = isStartLine ? headerReader(name) : undefined;
      return optional(named(key, `${at}.descriptor_key`), skipIfAbsent, ({ request }) => read?.(request) ?? request.headers.get(name));
    }
    case 'queryParameters': {
      const { queryParameterName, descriptorKey: key, skipIfAbsent } = action.value;
      const at = `${path}.query_parameters`;
      const name = named(queryParameterName, `${at}.query_parameter_name`);
      return optional(named(key, `${at}.descriptor_key`), skipIfAbsent, ({ request }) => decoded(queryParameter(request.path, name)));
    }
    case 'headerValueMatch': {
      const at = `${path}.header_value_match`;
      const tests = action.value.headers.map((matcher, i) => compileHeaderMatcher(matcher, `${at}.headers[${i}]`));
      return valued(action.value, 'header_match', at, matching(tests, action.value.expectMatch ?? true, `${at}.headers`));
    }
    case 'queryParameterValueMatch': {
      const at = `${path}.query_parameter_value_match`;
      const tests = action.value.queryParameters.map((matcher, i) => compileQueryMatcher(matcher, `${at}.query_parameters[${i}]`));
      return valued(action.value, 'query_match', at, matching(tests, action.value.expectMatch ?? true, `${at}.query_parameters`));
    }
    case 'metadata':
      return metadata(action.value, `${path}.metadata`);
    case 'remoteAddressMatch':
      return addressMatch(action.value, `${path}.remote_address_match`);
    default:
      throw new ConfigError(path, `action ${action.case ?? '(empty)'} is not supported by Tulle`);
  }
}

function compilePolicy(policy: RateLimit, path: string): RateLimitPolicy {
  const { actions } = policy;
  const stage = policy.stage ?? 0;
  if (stage > 10) throw new ConfigError(`${path}.stage`, `${stage} is more than 10`);
  if (actions.length === 0) throw new ConfigError(`${path}.actions`, 'is empty');
  const parts = actions.map((action, i) => compileAction(action, `${path}.actions[${i}]`));
  return {
    stage,
    describe(stream, localCluster) {
      let text = '';
      for (const part of parts) {
        const described = part(stream, localCluster);
        if (described === undefined) return undefined;
        text += described;
      }
      return text;
    },
  };
}

/** Prepares `rate_limits`. Policies with a `disable_key` are left out, as Envoy's local limits leave them out. */
export function compileRateLimits(policies: readonly RateLimit[], path: string): readonly RateLimitPolicy[] {
  return policies.flatMap((policy, i) => {
    const compiled = compilePolicy(policy, `${path}[${i}]`);
    return policy.disableKey === '' ? [compiled] : [];
  });
}
