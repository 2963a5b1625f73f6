/**
 * One rule of an AuthorizationPolicy as an Envoy RBAC policy. On opaque ports HTTP's conditions cannot be decided: an
 * ALLOW rule that has one never matches (undefined here), DENY and AUDIT go by the rest of it; so both err on the
 * strict side.
 */
import { create } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import type { StringMatch } from '../../model/match.ts';
import type {
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationPolicy,
  AuthorizationRule,
  AuthorizationSource,
  Values,
} from '../../model/security.ts';
import { type Permission, type Policy, PolicySchema, type Principal } from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { FilterStateMatcherSchema } from '../../xds/gen/envoy/type/matcher/v3/filter_state_pb.ts';
import { PathMatcherSchema } from '../../xds/gen/envoy/type/matcher/v3/path_pb.ts';
import { cidr } from './any.ts';
import { PEER_PRINCIPAL } from './hbone.ts';
import {
  allPermissions,
  allPrincipals,
  permission,
  permissionsOf,
  principal,
  principalsOf,
  valueMatch,
  valueRegex,
} from './rbac-values.ts';
import { byRequestPrincipal, byTokenCondition, listMatcher, metadataMatcher, textMatcher } from './rbac-tokens.ts';
import { escapeRegex, headerMatcher, stringMatcher } from './string-match.ts';
import { aliasesOf, principalAliases } from './trust-domains.ts';

/** Where a rule is enforced. */
export interface RuleSite {
  readonly isHttp: boolean;
  /** Connections came through tunnels: filter state says whose they are, not TLS. */
  readonly isTunnelled?: boolean;
  readonly action: AuthorizationPolicy['action'];
  /** The policy's namespace, which service accounts without one are of. */
  readonly namespace: string;
  /** The port that connections arrive at for a workload's port: another where traffic is not intercepted. */
  readonly listenPort: (workloadPort: number) => number;
  /** The mesh's, and then its aliases. */
  readonly trustDomains: readonly string[];
}

interface Conditions {
  readonly permissions: Permission[];
  readonly principals: Principal[];
  /** True where something was left out that only HTTP can decide. */
  readonly needsHttp: boolean;
}

function portOf(value: string, path: string): number {
  const port = Number(value);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new ConfigError(path, `${JSON.stringify(value)} is not a port`);
}

function destinationPort(value: string, path: string, site: RuleSite): Permission {
  return permission({ case: 'destinationPort', value: site.listenPort(portOf(value, path)) });
}

/** Path templates: `{*}` is one segment, `{**}` any number. */
function pathMatch(value: string): StringMatch {
  if (!value.includes('{*')) return valueMatch(value);
  const parts = value.split(/(\{\*\*?\})/).map((part) => (part === '{*}' ? '[^/]+' : part === '{**}' ? '.*' : escapeRegex(part)));
  return { kind: 'regex', value: parts.join('') };
}

function headerPermission(name: string, value: string, ignoreCase: boolean): Permission {
  const header = headerMatcher(name, valueMatch(value));
  if (header.headerMatchSpecifier.case === 'stringMatch') header.headerMatchSpecifier.value.ignoreCase = ignoreCase;
  return permission({ case: 'header', value: header });
}

function httpPermissions({ hosts, methods, paths }: AuthorizationOperation): Permission[] {
  const path = (value: string) =>
    permission({ case: 'urlPath', value: create(PathMatcherSchema, { rule: { case: 'path', value: stringMatcher(pathMatch(value)) } }) });
  return [
    ...permissionsOf(hosts, (value) => headerPermission(':authority', value, true)),
    ...permissionsOf(methods, (value) => headerPermission(':method', value, false)),
    ...permissionsOf(paths, path),
  ];
}

function operationOf(operation: AuthorizationOperation, site: RuleSite, path: string): Conditions {
  const ports = permissionsOf(operation.ports, (value) => destinationPort(value, `${path}.ports`, site));
  const http = httpPermissions(operation);
  return { permissions: site.isHttp ? [...http, ...ports] : ports, principals: [], needsHttp: !site.isHttp && http.length > 0 };
}

/** Values with those that count as the same by the aliases of the trust domain. */
function withAliases(
  { values, notValues }: Values,
  { trustDomains }: RuleSite,
  expand: (value: string, trustDomains: readonly string[]) => readonly string[],
): Values {
  const all = (list: readonly string[]): readonly string[] => [...new Set(list.flatMap((value) => expand(value, trustDomains)))];
  return { values: all(values), notValues: all(notValues) };
}

function authenticated(match: StringMatch, { isTunnelled = false }: RuleSite): Principal {
  if (isTunnelled) {
    const matcher = { case: 'stringMatch' as const, value: stringMatcher(match) };
    return principal({ case: 'filterState', value: create(FilterStateMatcherSchema, { key: PEER_PRINCIPAL, matcher }) });
  }
  return principal({
    case: 'authenticated',
    value: { $typeName: 'envoy.config.rbac.v3.Principal.Authenticated', principalName: stringMatcher(match) },
  });
}

function byPrincipal(value: string, site: RuleSite): Principal {
  const match = valueMatch(value);
  const isFromStart = match.kind === 'exact' || match.kind === 'prefix';
  return authenticated(isFromStart ? { kind: match.kind, value: `spiffe://${match.value}` } : match, site);
}

function byTrustDomain(value: string, site: RuleSite): Principal {
  if (value === '*') return authenticated({ kind: 'prefix', value: 'spiffe://' }, site);
  if (!value.includes('*')) return authenticated({ kind: 'prefix', value: `spiffe://${value}/` }, site);
  return authenticated({ kind: 'regex', value: `spiffe://${valueRegex(value, '[^/]*')}/.*` }, site);
}

function byNamespace(value: string, site: RuleSite): Principal {
  return authenticated({ kind: 'regex', value: `.*/ns/${valueRegex(value, '.*')}/.*` }, site);
}

function byServiceAccount(value: string, site: RuleSite): Principal {
  const [namespace = '', account] = value.includes('/') ? value.split('/') : [site.namespace, value];
  return authenticated({ kind: 'regex', value: `.*/ns/${valueRegex(namespace, '.*')}/sa/${valueRegex(account ?? '', '.*')}` }, site);
}

/** The peer of the connection; of a tunnel, which comes within the process, that is who it is from. */
function byAddress(value: string, path: string, { isTunnelled = false }: RuleSite): Principal {
  return principal({ case: isTunnelled ? 'remoteIp' : 'directRemoteIp', value: cidr(value, path) });
}

function hasValues({ values, notValues }: Values): boolean {
  return values.length + notValues.length > 0;
}

function sourceOf(source: AuthorizationSource, site: RuleSite, path: string): Conditions {
  const token = byRequestPrincipal(source.requestPrincipals);
  const needsHttp = !site.isHttp && hasValues(source.requestPrincipals);
  const principals = [
    ...principalsOf(withAliases(source.principals, site, principalAliases), (value) => byPrincipal(value, site)),
    ...(site.isHttp ? token : []),
    ...principalsOf(source.namespaces, (value) => byNamespace(value, site)),
    ...principalsOf(source.serviceAccounts, (value) => byServiceAccount(value, site)),
    ...principalsOf(withAliases(source.trustDomains, site, aliasesOf), (value) => byTrustDomain(value, site)),
    ...principalsOf(source.ipBlocks, (value) => byAddress(value, `${path}.ipBlocks`, site)),
    ...principalsOf(source.remoteIpBlocks, (value) => principal({ case: 'remoteIp', value: cidr(value, `${path}.remoteIpBlocks`) })),
  ];
  return { permissions: [], principals, needsHttp };
}

function ofPermissions(permissions: Permission[]): Conditions {
  return { permissions, principals: [], needsHttp: false };
}

function ofPrincipals(principals: Principal[]): Conditions {
  return { permissions: [], principals, needsHttp: false };
}

const FILTERS = 'experimental.envoy.filters.';

/** What a filter of Envoy's has left in its metadata: `experimental.envoy.filters.name[key]`; `[value]` is of a list. */
function leftByFilter(key: string, value: string): Permission {
  const [filter = '', name = ''] = key.slice('experimental.'.length, -1).split('[');
  const isItem = value.startsWith('[') && value.endsWith(']');
  const matcher = isItem ? listMatcher(valueMatch(value.slice(1, -1))) : textMatcher(valueMatch(value));
  return permission({ case: 'metadata', value: metadataMatcher(filter, [name], matcher) });
}

function conditionOf(condition: AuthorizationCondition, site: RuleSite): Conditions {
  const { key, origin } = condition;
  const path = origin.field;
  const header = /^request\.headers\[(.+)\]$/.exec(key)?.[1];
  if (header !== undefined) {
    if (!site.isHttp) return { permissions: [], principals: [], needsHttp: true };
    return ofPrincipals(
      principalsOf(condition, (value) => principal({ case: 'header', value: headerMatcher(header.toLowerCase(), valueMatch(value)) })),
    );
  }
  if (key.startsWith('request.auth.'))
    return site.isHttp ? ofPrincipals(byTokenCondition(key, condition)) : { permissions: [], principals: [], needsHttp: true };
  switch (key) {
    case 'source.ip':
      return ofPrincipals(principalsOf(condition, (value) => byAddress(value, path, site)));
    case 'remote.ip':
      return ofPrincipals(principalsOf(condition, (value) => principal({ case: 'remoteIp', value: cidr(value, path) })));
    case 'source.namespace':
      return ofPrincipals(principalsOf(condition, (value) => byNamespace(value, site)));
    case 'source.principal':
      return ofPrincipals(principalsOf(withAliases(condition, site, principalAliases), (value) => byPrincipal(value, site)));
    case 'source.serviceAccount':
      return ofPrincipals(principalsOf(condition, (value) => byServiceAccount(value, site)));
    case 'source.trustDomain':
      return ofPrincipals(principalsOf(withAliases(condition, site, aliasesOf), (value) => byTrustDomain(value, site)));
    case 'destination.ip':
      return ofPermissions(permissionsOf(condition, (value) => permission({ case: 'destinationIp', value: cidr(value, path) })));
    case 'destination.port':
      return ofPermissions(permissionsOf(condition, (value) => destinationPort(value, path, site)));
    case 'connection.sni':
      return ofPermissions(
        permissionsOf(condition, (value) => permission({ case: 'requestedServerName', value: stringMatcher(valueMatch(value)) })),
      );
    default:
      if (key.startsWith(FILTERS)) return ofPermissions(permissionsOf(condition, (value) => leftByFilter(key, value)));
      throw new ConfigError(`${path}.key`, `the condition ${JSON.stringify(key)} is not known`);
  }
}

/** The RBAC policy of a rule, or undefined where it can never match. */
export function rbacPolicy(rule: AuthorizationRule, site: RuleSite): Policy | undefined {
  const path = rule.origin.field;
  const operations = rule.to.map((operation) => operationOf(operation, site, `${path}.to.operation`));
  const sources = rule.from.map((source) => sourceOf(source, site, `${path}.from.source`));
  const conditions = rule.when.map((condition) => conditionOf(condition, site));
  if (site.action === 'ALLOW' && [...operations, ...sources, ...conditions].some(({ needsHttp }) => needsHttp)) return undefined;
  const permissions = conditions.flatMap((condition) => condition.permissions);
  const principals = conditions.flatMap((condition) => condition.principals);
  const nothing: Conditions[] = [{ permissions: [], principals: [], needsHttp: false }];
  return create(PolicySchema, {
    permissions: (operations.length > 0 ? operations : nothing).map((operation) =>
      allPermissions([...operation.permissions, ...permissions]),
    ),
    principals: (sources.length > 0 ? sources : nothing).map((source) => allPrincipals([...source.principals, ...principals])),
  });
}
