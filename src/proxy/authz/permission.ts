/** What a policy is about: `envoy.config.rbac.v3.Permission`. */
import { ConfigError } from '../../core/errors.ts';
import type { Permission, Permission_Set } from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import type { Int32Range } from '../../xds/gen/envoy/type/v3/range_pb.ts';
import { compileStringMatcher } from '../router/matchers.ts';
import { type Condition, constant } from './condition.ts';
import { compileCidr, headerCondition, metadataCondition, pathCondition, sourcedMetadata, templateCondition } from './shared-conditions.ts';

function compileSet(kind: 'and' | 'or', set: Permission_Set, path: string): Condition {
  if (set.rules.length === 0) throw new ConfigError(`${path}.rules`, 'is empty');
  return { kind, of: set.rules.map((rule, i) => compilePermission(rule, `${path}.rules[${i}]`)) };
}

function portCondition(matches: (port: number) => boolean): Condition {
  return { kind: 'connection', fact: 'destination', holds: ({ local }) => matches(local.port) };
}

function portRange({ start, end }: Int32Range, path: string): Condition {
  if (start >= end) throw new ConfigError(path, `[${start}, ${end}) holds no port`);
  return portCondition((port) => port >= start && port < end);
}

/** Prepares a permission. Throws ConfigError for a kind that Tulle does not have. */
export function compilePermission({ rule }: Permission, path: string): Condition {
  switch (rule.case) {
    case 'any':
      return constant(rule.value);
    case 'andRules':
      return compileSet('and', rule.value, `${path}.and_rules`);
    case 'orRules':
      return compileSet('or', rule.value, `${path}.or_rules`);
    case 'notRule':
      return { kind: 'not', of: compilePermission(rule.value, `${path}.not_rule`) };
    case 'header':
      return headerCondition(rule.value, `${path}.header`);
    case 'urlPath':
      return pathCondition(rule.value, `${path}.url_path`);
    case 'metadata':
      return metadataCondition(rule.value, `${path}.metadata`);
    case 'destinationIp': {
      const contains = compileCidr(rule.value, `${path}.destination_ip`);
      return { kind: 'connection', fact: 'destination', holds: ({ local }) => contains(local.host) };
    }
    case 'destinationPort':
      return portCondition((port) => port === rule.value);
    case 'destinationPortRange':
      return portRange(rule.value, `${path}.destination_port_range`);
    case 'sourcedMetadata':
      return sourcedMetadata(rule.value, `${path}.sourced_metadata`);
    case 'uriTemplate':
      return templateCondition(rule.value, `${path}.uri_template`);
    case 'requestedServerName': {
      const matches = compileStringMatcher(rule.value, `${path}.requested_server_name`);
      return { kind: 'connection', fact: 'server-name', holds: ({ requestedServerName }) => matches(requestedServerName) };
    }
    default:
      throw new ConfigError(path, `permission ${rule.case ?? '(empty)'} is not supported by Tulle`);
  }
}
