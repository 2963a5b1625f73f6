/**
 * Why each policy of an RBAC engine matches, or does not: its permissions and principals compiled as the engine compiles
 * them, and asked one by one. Cold: a proxy never loads it.
 */
import type { CidrRange } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { type Permission, type Policy, type Principal, type RBAC } from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { describeHeader, describeString } from '../router/describe-matchers.ts';
import { describeMetadata } from '../router/describe-metadata.ts';
import { headerReader } from '../router/matchers.ts';
import { compileCelCondition } from './cel-condition.ts';
import { exprText } from './cel-text.ts';
import { type AuthzInput, type Condition, reduce } from './condition.ts';
import { compilePermission } from './permission.ts';
import { compilePrincipal } from './principal.ts';

/** Something that a policy asks for and the request has not. */
export interface Failing {
  /** `source`, `path`, `method`, ... */
  readonly what: string;
  readonly wants: string;
  /** What there is instead; undefined: nothing. */
  readonly has: string | undefined;
}

/** One alternative of a policy's principals or permissions. */
export interface Alternative {
  readonly holds: boolean;
  /** What keeps it from holding; of those that hold nothing. */
  readonly failing: readonly Failing[];
}

export interface PolicyExplanation {
  readonly name: string;
  readonly matches: boolean;
  /** Who it is about: one of them must hold. */
  readonly who: readonly Alternative[];
  /** What it is about: one of them must hold. */
  readonly what: readonly Alternative[];
}

function holds(condition: Condition, input: AuthzInput): boolean {
  const residual = reduce(condition, input.connection);
  return typeof residual === 'function' ? residual(input) : residual;
}

function range({ addressPrefix, prefixLen }: CidrRange): string {
  return prefixLen === undefined ? addressPrefix : `${addressPrefix}/${prefixLen}`;
}

function negated(failing: Failing): Failing {
  return { ...failing, wants: `not ${failing.wants}` };
}

/** A leaf in words. */
function describePermission({ rule }: Permission, { connection, request, info }: AuthzInput): Failing {
  const target = request?.path.split(/[?#]/, 1)[0];
  switch (rule.case) {
    case 'header': {
      const name = rule.value.name.toLowerCase();
      const has = request && headerReader(name)(request);
      return { what: name.startsWith(':') ? name.slice(1) : `header ${name}`, wants: describeHeader(rule.value), has };
    }
    case 'urlPath':
      return { what: 'path', wants: describeString(rule.value.rule.value), has: target };
    case 'destinationPort':
      return { what: 'port', wants: String(rule.value), has: String(connection.local.port) };
    case 'destinationPortRange':
      return { what: 'port', wants: `from ${rule.value.start} below ${rule.value.end}`, has: String(connection.local.port) };
    case 'destinationIp':
      return { what: 'destination address', wants: range(rule.value), has: connection.local.host };
    case 'requestedServerName':
      return { what: 'server name', wants: describeString(rule.value), has: connection.requestedServerName };
    case 'uriTemplate':
      return { what: 'path', wants: 'a URI template', has: target };
    case 'metadata':
      return describeMetadata(rule.value, info?.metadata ?? connection.metadata);
    default:
      return { what: rule.case ?? 'nothing', wants: 'a match', has: undefined };
  }
}

function describePrincipal({ identifier }: Principal, { connection, request, info }: AuthzInput): Failing {
  switch (identifier.case) {
    case 'authenticated': {
      const { principalName } = identifier.value;
      const wants = principalName === undefined ? 'any certificate' : describeString(principalName);
      return { what: 'source', wants, has: connection.principal === '' ? undefined : connection.principal };
    }
    case 'filterState': {
      const { key, matcher } = identifier.value;
      const isPeer = key === 'io.istio.peer_principal';
      const has = isPeer ? connection.principal : info?.filterState?.get(key);
      return {
        what: isPeer ? 'source' : `filter state ${key}`,
        wants: matcher.case === 'stringMatch' ? describeString(matcher.value) : 'a match',
        has,
      };
    }
    case 'header': {
      const name = identifier.value.name.toLowerCase();
      return { what: `header ${name}`, wants: describeHeader(identifier.value), has: request && headerReader(name)(request) };
    }
    case 'directRemoteIp':
      return { what: 'source address', wants: range(identifier.value), has: (connection.directRemote ?? connection.remote).host };
    case 'remoteIp':
      return { what: 'client address', wants: range(identifier.value), has: (info?.clientAddress ?? connection.remote).host };
    case 'metadata':
      return describeMetadata(identifier.value, info?.metadata ?? connection.metadata);
    default:
      return { what: identifier.case ?? 'nothing', wants: 'a match', has: undefined };
  }
}

/** A node of a policy: its children where it has some, and how it is compiled and told. */
interface Kind<Item> {
  compile(item: Item): Condition;
  children(item: Item): { readonly kind: 'and' | 'or' | 'not'; readonly of: readonly Item[] } | undefined;
  describe(item: Item, input: AuthzInput): Failing;
}

const permissions: Kind<Permission> = {
  compile: (item) => compilePermission(item, ''),
  children({ rule }) {
    if (rule.case === 'andRules') return { kind: 'and', of: rule.value.rules };
    if (rule.case === 'orRules') return { kind: 'or', of: rule.value.rules };
    return rule.case === 'notRule' ? { kind: 'not', of: [rule.value] } : undefined;
  },
  describe: describePermission,
};

const principals: Kind<Principal> = {
  compile: (item) => compilePrincipal(item, ''),
  children({ identifier }) {
    if (identifier.case === 'andIds') return { kind: 'and', of: identifier.value.ids };
    if (identifier.case === 'orIds') return { kind: 'or', of: identifier.value.ids };
    return identifier.case === 'notId' ? { kind: 'not', of: [identifier.value] } : undefined;
  },
  describe: describePrincipal,
};

/** The parts of a node that are to blame for its not being `wanted`. */
function blame<Item>(kind: Kind<Item>, item: Item, input: AuthzInput, wanted: boolean): Failing[] {
  if (holds(kind.compile(item), input) === wanted) return [];
  const inner = kind.children(item);
  if (inner === undefined) return [wanted ? kind.describe(item, input) : negated(kind.describe(item, input))];
  return inner.of.flatMap((each) => blame(kind, each, input, inner.kind === 'not' ? !wanted : wanted));
}

/** Failing parts that ask for values of the same thing, as one. */
function joined(failing: readonly Failing[]): Failing[] {
  const groups = Map.groupBy(failing, ({ what, has }) => `${what}\u0000${has}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [{ ...first, wants: [...new Set(group.map(({ wants }) => wants))].join(' or ') }];
  });
}

function explainAll<Item>(kind: Kind<Item>, items: readonly Item[], input: AuthzInput): Alternative[] {
  return items.map((item) => ({ holds: holds(kind.compile(item), input), failing: joined(blame(kind, item, input, true)) }));
}

/** What a policy's expression wants, where it does not hold. */
function explainCondition({ condition }: Policy, input: AuthzInput): Failing | undefined {
  if (condition === undefined || holds(compileCelCondition(condition, ''), input)) return undefined;
  return { what: 'condition', wants: exprText(condition, ''), has: undefined };
}

function explainPolicy(name: string, policy: Policy, input: AuthzInput): PolicyExplanation {
  const who = explainAll(principals, policy.principals, input);
  const missing = explainCondition(policy, input);
  const what = explainAll(permissions, policy.permissions, input).map((each) =>
    missing === undefined ? each : { holds: false, failing: [...each.failing, missing] },
  );
  return { name, matches: [who, what].every((side) => side.some((each) => each.holds)), who, what };
}

/** Every policy in the order in which an engine asks them; the first that matches decides. Throws ConfigError. */
export function explainPolicies({ policies }: RBAC, input: AuthzInput): readonly PolicyExplanation[] {
  return Object.entries(policies)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, policy]) => explainPolicy(name, policy, input));
}
