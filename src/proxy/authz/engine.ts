/**
 * The RBAC engine: policies in the order of their names, the first that matches decides. Source: Envoy,
 * envoy.config.rbac.v3.RBAC.
 *
 * For each connection the policies are reduced to what depends on the request; connections that are alike in every
 * fact that the policies look at share the result.
 */
import { ConfigError } from '../../core/errors.ts';
import { type Policy, type RBAC, RBAC_Action } from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import { compileCelCondition } from './cel-condition.ts';
import { type AuthzInput, collectFacts, type Condition, type Fact, reduce } from './condition.ts';
import { compilePermission } from './permission.ts';
import { compilePrincipal } from './principal.ts';

/** Reduced policies kept for kinds of connections; beyond it all are forgotten. */
const MAX_KINDS = 1024;

export interface Verdict {
  readonly isAllowed: boolean;
  /** The policy that matched; undefined where none did. */
  readonly policy: string | undefined;
}

export interface Engine {
  readonly action: 'ALLOW' | 'DENY' | 'LOG';
  /** Names in the order of evaluation. */
  readonly policies: readonly string[];
  decide(input: AuthzInput): Verdict;
}

interface NamedCondition {
  readonly name: string;
  readonly condition: Condition;
}

/** A policy for one kind of connection; undefined `test`: it holds for every request. */
interface Reduced {
  readonly verdict: Verdict;
  readonly test: ((input: AuthzInput) => boolean) | undefined;
}

const ACTIONS: Readonly<Record<number, Engine['action']>> = {
  [RBAC_Action.ALLOW]: 'ALLOW',
  [RBAC_Action.DENY]: 'DENY',
  [RBAC_Action.LOG]: 'LOG',
};

function compilePolicy(name: string, { permissions, principals, condition }: Policy, path: string): NamedCondition {
  if (permissions.length === 0) throw new ConfigError(`${path}.permissions`, 'is empty');
  if (principals.length === 0) throw new ConfigError(`${path}.principals`, 'is empty');
  const what: Condition = { kind: 'or', of: permissions.map((item, i) => compilePermission(item, `${path}.permissions[${i}]`)) };
  const who: Condition = { kind: 'or', of: principals.map((item, i) => compilePrincipal(item, `${path}.principals[${i}]`)) };
  const also = condition === undefined ? [] : [compileCelCondition(condition, `${path}.condition`)];
  return { name, condition: { kind: 'and', of: [who, what, ...also] } };
}

function factOf(
  fact: Fact,
  { tls, principal, remote, directRemote, local, requestedServerName, filterState }: DownstreamConnection,
): string {
  switch (fact) {
    case 'principal':
      return tls === undefined
        ? `${principal}\u0001${filterState?.get('io.istio.local_principal') ?? ''}`
        : [principal, tls.fingerprint, tls.subject, ...tls.uriSans, ...tls.dnsSans, ...tls.localUriSans].join('\u0001');
    case 'source':
      return remote.host;
    case 'peer':
      return (directRemote ?? remote).host;
    case 'destination':
      return `${local.host} ${local.port}`;
    case 'server-name':
      return requestedServerName;
  }
}

function reducePolicies(policies: readonly NamedCondition[], connection: DownstreamConnection, isAllowed: boolean): readonly Reduced[] {
  const reduced: Reduced[] = [];
  for (const { name, condition } of policies) {
    const residual = reduce(condition, connection);
    if (residual === false) continue;
    const verdict = { isAllowed, policy: name };
    if (residual === true) return [...reduced, { verdict, test: undefined }];
    reduced.push({ verdict, test: residual });
  }
  return reduced;
}

/** Prepares an engine. Throws ConfigError naming the field that Tulle does not have. */
export function compileEngine(rbac: RBAC, path: string): Engine {
  const action = ACTIONS[rbac.action];
  if (action === undefined) throw new ConfigError(`${path}.action`, `${rbac.action} is not one of ALLOW, DENY, LOG`);
  const policies = Object.entries(rbac.policies)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, policy]) => compilePolicy(name, policy, `${path}.policies[${name}]`));
  const facts = new Set<Fact>();
  for (const { condition } of policies) collectFacts(condition, facts);
  const noMatch: Verdict = { isAllowed: action !== 'ALLOW', policy: undefined };
  const kinds = new Map<string, readonly Reduced[]>();

  const prepare = (connection: DownstreamConnection): readonly Reduced[] => {
    let key = '';
    for (const fact of facts) key += `${factOf(fact, connection)}\u0002`;
    let reduced = kinds.get(key);
    if (reduced !== undefined) return reduced;
    if (kinds.size >= MAX_KINDS) kinds.clear();
    kinds.set(key, (reduced = reducePolicies(policies, connection, action !== 'DENY')));
    return reduced;
  };
  // decided once a connection; goes with it, and with the engine when the configuration changes
  const perConnection = new WeakMap<DownstreamConnection, readonly Reduced[]>();
  return {
    action,
    policies: policies.map(({ name }) => name),
    decide(input) {
      let reduced = perConnection.get(input.connection);
      if (reduced === undefined) perConnection.set(input.connection, (reduced = prepare(input.connection)));
      for (const { test, verdict } of reduced) if (test === undefined || test(input)) return verdict;
      return noMatch;
    },
  };
}
