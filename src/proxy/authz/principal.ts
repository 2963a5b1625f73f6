/** Who a policy is about: `envoy.config.rbac.v3.Principal`. */
import { ConfigError } from '../../core/errors.ts';
import type { Principal, Principal_Authenticated, Principal_Set } from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import type { FilterStateMatcher } from '../../xds/gen/envoy/type/matcher/v3/filter_state_pb.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import { compileStringMatcher } from '../router/matchers.ts';
import { type Condition, constant } from './condition.ts';
import { compileCidr, headerCondition, metadataCondition, pathCondition, sourcedMetadata } from './shared-conditions.ts';

function compileSet(kind: 'and' | 'or', set: Principal_Set, path: string): Condition {
  if (set.ids.length === 0) throw new ConfigError(`${path}.ids`, 'is empty');
  return { kind, of: set.ids.map((id, i) => compilePrincipal(id, `${path}.ids[${i}]`)) };
}

/**
 * A peer with a verified certificate, by any of its URI names, DNS names or its subject. Without a certificate nobody is
 * authenticated, whatever the matcher says of an empty name.
 */
function authenticated({ principalName }: Principal_Authenticated, path: string): Condition {
  if (principalName === undefined) {
    return { kind: 'connection', fact: 'principal', holds: ({ tls }) => tls !== undefined && tls.fingerprint !== '' };
  }
  const matches = compileStringMatcher(principalName, `${path}.principal_name`);
  const holds = ({ tls }: DownstreamConnection): boolean =>
    tls !== undefined && tls.fingerprint !== '' && (tls.uriSans.some(matches) || tls.dnsSans.some(matches) || matches(tls.subject));
  return { kind: 'connection', fact: 'principal', holds };
}

/** Istio's names for the identities of both ends, which are a connection's; other keys are what filters have set. */
const FILTER_STATE: Readonly<Record<string, (connection: DownstreamConnection) => string>> = {
  'io.istio.peer_principal': ({ principal }) => principal,
  'io.istio.local_principal': ({ tls, filterState }) => tls?.localUriSans[0] ?? filterState?.get('io.istio.local_principal') ?? '',
};

function filterState({ key, matcher }: FilterStateMatcher, path: string): Condition {
  const read = FILTER_STATE[key];
  if (key === '') throw new ConfigError(`${path}.key`, 'is empty');
  if (matcher.case !== 'stringMatch') throw new ConfigError(`${path}.string_match`, 'is missing');
  const matches = compileStringMatcher(matcher.value, `${path}.string_match`);
  if (read === undefined) {
    return {
      kind: 'request',
      holds({ info }) {
        const value = info?.filterState?.get(key);
        return value !== undefined && matches(value);
      },
    };
  }
  const holds = (connection: DownstreamConnection): boolean => {
    const value = read(connection);
    return value !== '' && matches(value);
  };
  return { kind: 'connection', fact: 'principal', holds };
}

/** Prepares a principal. Throws ConfigError for a kind that Tulle does not have. */
export function compilePrincipal({ identifier }: Principal, path: string): Condition {
  switch (identifier.case) {
    case 'any':
      return constant(identifier.value);
    case 'andIds':
      return compileSet('and', identifier.value, `${path}.and_ids`);
    case 'orIds':
      return compileSet('or', identifier.value, `${path}.or_ids`);
    case 'notId':
      return { kind: 'not', of: compilePrincipal(identifier.value, `${path}.not_id`) };
    case 'authenticated':
      return authenticated(identifier.value, `${path}.authenticated`);
    case 'filterState':
      return filterState(identifier.value, `${path}.filter_state`);
    case 'directRemoteIp': {
      const contains = compileCidr(identifier.value, `${path}.direct_remote_ip`);
      return { kind: 'connection', fact: 'peer', holds: ({ directRemote, remote }) => contains((directRemote ?? remote).host) };
    }
    case 'sourceIp': {
      const contains = compileCidr(identifier.value, `${path}.source_ip`);
      return { kind: 'connection', fact: 'source', holds: ({ remote }) => contains(remote.host) };
    }
    case 'remoteIp': {
      const contains = compileCidr(identifier.value, `${path}.remote_ip`);
      return { kind: 'request', holds: ({ connection, info }) => contains((info?.clientAddress ?? connection.remote).host) };
    }
    case 'header':
      return headerCondition(identifier.value, `${path}.header`);
    case 'urlPath':
      return pathCondition(identifier.value, `${path}.url_path`);
    case 'metadata':
      return metadataCondition(identifier.value, `${path}.metadata`);
    case 'sourcedMetadata':
      return sourcedMetadata(identifier.value, `${path}.sourced_metadata`);
    default:
      throw new ConfigError(path, `principal ${identifier.case ?? '(empty)'} is not supported by Tulle`);
  }
}
