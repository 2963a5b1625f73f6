/** What authorization makes of a request, in words: which rule decided, and what kept the others from matching. */
import { BAD_CUSTOM } from '../../compile/emit/authorization.ts';
import type { AuthzInput } from '../../proxy/authz/condition.ts';
import { compileEngine, type Verdict as Decision } from '../../proxy/authz/engine.ts';
import { type Alternative, explainPolicies, type Failing, type PolicyExplanation } from '../../proxy/authz/explain.ts';
import type { Listener } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { type RBAC, RBAC_Action } from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { isObject } from '../json.ts';
import type { Note, Source, Trail } from './explanation.ts';

const NAME = /^(?:istio-ext-authz-[-a-z0-9]+?-)?ns\[([^\]]*)\]-policy\[([^\]]*)\]-rule\[(\d+)\](?:-deny-due-to-bad-CUSTOM-action)?$/;

const ACTIONS: Readonly<Record<number, 'ALLOW' | 'DENY' | 'AUDIT'>> = {
  [RBAC_Action.ALLOW]: 'ALLOW',
  [RBAC_Action.DENY]: 'DENY',
  [RBAC_Action.LOG]: 'AUDIT',
};

/** `AuthorizationPolicy shop/payments-frontend, rule 1` for `ns[shop]-policy[payments-frontend]-rule[0]`. */
function spoken(policy: string): string {
  const [, namespace, name, rule] = NAME.exec(policy) ?? [];
  return name === undefined ? policy : `${namespace}/${name}, rule ${Number(rule) + 1}`;
}

/** Where a policy was written, as the listener's metadata says. */
export function policySource(listener: Listener, policy: string): Source | undefined {
  const policies = listener.metadata?.filterMetadata['tulle']?.['policies'];
  const place = isObject(policies) ? policies[policy.replace(BAD_CUSTOM, '')] : undefined;
  const [, namespace = '', name = '', rule = '0'] = NAME.exec(policy) ?? [];
  if (!isObject(place) || typeof place['file'] !== 'string' || typeof place['line'] !== 'number') return undefined;
  return { kind: 'AuthorizationPolicy', namespace, name, file: place['file'], line: place['line'], field: `spec.rules[${rule}]` };
}

function failingText({ what, wants, has }: Failing): string {
  return `${what} wants ${wants}, has ${has === undefined ? 'none' : JSON.stringify(has)}`;
}

/** What keeps one side of a policy from holding: all that speaks against each of its alternatives. */
function against(alternatives: readonly Alternative[]): string[] {
  if (alternatives.some(({ holds }) => holds)) return [];
  return alternatives.map(({ failing }) => failing.map(failingText).join(' and '));
}

function whyNot({ who, what }: PolicyExplanation): string {
  return [against(who), against(what)]
    .filter((side) => side.length > 0)
    .map((side) => [...new Set(side)].join('; or '))
    .join('; ');
}

function notesOf(policies: readonly PolicyExplanation[], listener: Listener): Note[] {
  return policies.map((policy) => {
    const source = policySource(listener, policy.name);
    const text = `${spoken(policy.name)} ${policy.matches ? 'matches' : `does not match: ${whyNot(policy)}`}`;
    return { text, ...(source === undefined ? {} : { source }) };
  });
}

function sentence(action: string, decision: Decision): string {
  const { isAllowed, policy } = decision;
  if (action === 'CUSTOM') return policy === undefined ? 'nobody is asked: no rule matches' : `asked about by ${spoken(policy)}`;
  if (action === 'AUDIT') return policy === undefined ? 'not marked for audit' : `marked for audit by ${spoken(policy)}`;
  if (policy !== undefined) return `${isAllowed ? 'allowed' : 'denied'} by ${spoken(policy)}`;
  return isAllowed ? `not denied: no ${action} rule matches` : `denied: there are ALLOW policies, and no rule of theirs matches`;
}

/** What follows from rules: a decision, nothing, or that a service is asked. */
export type Weight = 'enforced' | 'tried' | 'asked';

/** Decides by the proxy's engine and tells `trail`; the decision is undefined where there are no rules, or they decide nothing. */
export function explainRules(
  rules: RBAC | undefined,
  weight: Weight,
  input: AuthzInput,
  listener: Listener,
  trail: Trail,
): Decision | undefined {
  if (rules === undefined) return undefined;
  const decision = compileEngine(rules, 'rules').decide(input);
  const action = weight === 'asked' ? 'CUSTOM' : (ACTIONS[rules.action] ?? 'ALLOW');
  const source = decision.policy === undefined ? undefined : policySource(listener, decision.policy);
  const text = `${action} ${weight === 'tried' ? '(dry run, not enforced)' : 'policies'}: ${sentence(action, decision)}`;
  trail.add('policy', text, { source, notes: notesOf(explainPolicies(rules, input), listener) });
  return weight === 'tried' || action === 'AUDIT' ? undefined : decision;
}

/** A denial as a verdict's text. */
export function denialText({ policy }: Decision): string {
  if (policy?.endsWith(BAD_CUSTOM) === true) return `AuthorizationPolicy ${spoken(policy)} wants a provider asked that cannot be`;
  return policy === undefined ? 'no ALLOW policy allows it' : `AuthorizationPolicy ${spoken(policy)} denies it`;
}
