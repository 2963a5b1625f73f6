/**
 * AuthorizationPolicies as RBAC filters: CUSTOM, then AUDIT, then DENY, then ALLOW. Policies of the root namespace, the
 * namespace and the workload are one flat set. Dry-run policies become shadow rules: decided and counted, not enforced.
 */
import { create } from '@bufbuild/protobuf';
import type { JsonObject } from '@bufbuild/protobuf';
import { type AuthorizationPolicy, isFor } from '../../model/security.ts';
import { type Policy, type RBAC, RBAC_Action, RBACSchema } from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { RBACSchema as HttpRbacSchema } from '../../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { RBACSchema as NetworkRbacSchema } from '../../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { type Extension, extension } from './any.ts';
import { CUSTOM_POLICY, CUSTOM_PREFIX, httpExtAuthz, networkExtAuthz } from './ext-authz.ts';
import type { WorkloadIdentity } from './peer-authentication.ts';
import { rbacPolicy, type RuleSite } from './rbac-rule.ts';
import type { Security } from './security.ts';
import { trustDomainsOf } from './trust-domains.ts';

const HTTP_RBAC = 'envoy.filters.http.rbac';
const NETWORK_RBAC = 'envoy.filters.network.rbac';

const ACTIONS = [
  { action: 'AUDIT', rbac: RBAC_Action.LOG, shadowPrefix: 'istio_dry_run_audit_' },
  { action: 'DENY', rbac: RBAC_Action.DENY, shadowPrefix: 'istio_dry_run_deny_' },
  { action: 'ALLOW', rbac: RBAC_Action.ALLOW, shadowPrefix: 'istio_dry_run_allow_' },
] as const;

/** Where policies are enforced. */
export type GuardSite = Pick<RuleSite, 'isHttp' | 'isTunnelled' | 'listenPort'> & { readonly isGateway: boolean };

/** Policies that apply to a workload. */
export function policiesFor(
  policies: readonly AuthorizationPolicy[],
  rootNamespace: string,
  workload: WorkloadIdentity,
): AuthorizationPolicy[] {
  return policies.filter((policy) => isFor(policy, rootNamespace, workload));
}

function policyName({ namespace, name, action, provider }: AuthorizationPolicy, rule: number): string {
  const prefix = action === 'CUSTOM' ? `${CUSTOM_POLICY}-${provider}-` : '';
  return `${prefix}ns[${namespace}]-policy[${name}]-rule[${rule}]`;
}

interface Enforcement {
  readonly action: AuthorizationPolicy['action'];
  readonly rbac: RBAC_Action;
  readonly site: GuardSite;
  readonly trustDomains: readonly string[];
}

function rulesOf(policies: readonly AuthorizationPolicy[], { action, rbac, site, trustDomains }: Enforcement): RBAC | undefined {
  if (policies.length === 0) return undefined;
  const compiled: Record<string, Policy> = {};
  for (const policy of policies) {
    for (const [i, rule] of policy.rules.entries()) {
      const own = rbacPolicy(rule, { ...site, action, trustDomains, namespace: policy.namespace });
      if (own !== undefined) compiled[policyName(policy, i)] = own;
    }
  }
  return create(RBACSchema, { action: rbac, policies: compiled });
}

interface Rules {
  readonly rules?: RBAC | undefined;
  readonly shadowRules?: RBAC | undefined;
  readonly shadowPrefix: string;
}

function rbacFilter(isHttp: boolean, { rules, shadowRules, shadowPrefix }: Rules): Extension {
  const config = { shadowRulesStatPrefix: shadowPrefix, ...(rules && { rules }), ...(shadowRules && { shadowRules }) };
  return isHttp
    ? extension(HTTP_RBAC, HttpRbacSchema, config)
    : extension(NETWORK_RBAC, NetworkRbacSchema, { ...config, statPrefix: 'tcp.' });
}

/** RBAC filters, for HTTP or for bytes, in the order in which they decide. */
export function authorizationFilters(policies: readonly AuthorizationPolicy[], site: GuardSite, { settings }: Security): Extension[] {
  const trustDomains = trustDomainsOf(settings);
  return ACTIONS.flatMap(({ action, rbac, shadowPrefix }) => {
    const own = policies.filter((policy) => policy.action === action);
    const [enforced, tried] = [own.filter(({ isDryRun }) => !isDryRun), own.filter(({ isDryRun }) => isDryRun)];
    const rules = rulesOf(enforced, { action, rbac, site, trustDomains });
    const shadowRules = rulesOf(tried, { action, rbac, site, trustDomains });
    return rules === undefined && shadowRules === undefined ? [] : [rbacFilter(site.isHttp, { rules, shadowRules, shadowPrefix })];
  });
}

/** Ends the names of policies that deny since who is to be asked cannot be. */
export const BAD_CUSTOM = '-deny-due-to-bad-CUSTOM-action';

/** Denies what the rules match, under names that say why. */
function denied(rules: RBAC): RBAC {
  const policies = Object.entries(rules.policies).map(([name, policy]) => [`${name}${BAD_CUSTOM}`, policy] as const);
  return create(RBACSchema, { action: RBAC_Action.DENY, policies: Object.fromEntries(policies) });
}

/** CUSTOM policies of one provider: what matches is noted, and the provider asked about it. */
function providerFilters(
  name: string,
  policies: readonly AuthorizationPolicy[],
  isOnly: boolean,
  site: GuardSite,
  { settings, providers }: Security,
): readonly Extension[] {
  const trustDomains = trustDomainsOf(settings);
  const shadowRules = rulesOf(policies, { action: 'CUSTOM', rbac: RBAC_Action.DENY, site, trustDomains });
  if (shadowRules === undefined) return [];
  const asked = isOnly ? providers.get(name) : undefined;
  if (asked === undefined) return [rbacFilter(site.isHttp, { rules: denied(shadowRules), shadowPrefix: '' })];
  const asking = site.isHttp ? httpExtAuthz(asked, HTTP_RBAC) : networkExtAuthz(asked, NETWORK_RBAC);
  return asking === undefined ? [] : [rbacFilter(site.isHttp, { shadowRules, shadowPrefix: CUSTOM_PREFIX }), asking];
}

/**
 * The filters of CUSTOM policies. A workload may ask one provider only; where there are more, or it cannot be asked, what
 * their rules match is denied.
 */
export function customFilters(policies: readonly AuthorizationPolicy[], site: GuardSite, security: Security): readonly Extension[] {
  const custom = policies.filter(({ action }) => action === 'CUSTOM');
  const byProvider = [...Map.groupBy(custom, ({ provider }) => provider)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return byProvider.flatMap(([name, own]) => providerFilters(name, own, byProvider.length === 1, site, security));
}

/** Where each policy's rules were written: the `policies` of a listener's `tulle` metadata. */
export function policyOrigins(policies: readonly AuthorizationPolicy[]): JsonObject {
  const origins: JsonObject = {};
  for (const policy of policies) {
    for (const [i, { origin }] of policy.rules.entries()) origins[policyName(policy, i)] = { file: origin.file, line: origin.line };
    if (policy.rules.length === 0)
      origins[policyName(policy, 0).replace('-rule[0]', '')] = { file: policy.origin.file, line: policy.origin.line };
  }
  return origins;
}
