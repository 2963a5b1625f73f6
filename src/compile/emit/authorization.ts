/**
 * AuthorizationPolicies as RBAC filters: AUDIT, then DENY, then ALLOW. Policies of the root namespace, the namespace
 * and the workload are one flat set. Dry-run policies become shadow rules: decided and counted, not enforced.
 */
import { create } from '@bufbuild/protobuf';
import type { JsonObject } from '@bufbuild/protobuf';
import { selects } from '../../model/match.ts';
import type { AuthorizationPolicy } from '../../model/security.ts';
import { type Policy, type RBAC, RBAC_Action, RBACSchema } from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { RBACSchema as HttpRbacSchema } from '../../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { RBACSchema as NetworkRbacSchema } from '../../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { type Extension, extension } from './any.ts';
import type { WorkloadIdentity } from './peer-authentication.ts';
import { rbacPolicy, type RuleSite } from './rbac-rule.ts';

const HTTP_RBAC = 'envoy.filters.http.rbac';
const NETWORK_RBAC = 'envoy.filters.network.rbac';

const ACTIONS = [
  { action: 'AUDIT', rbac: RBAC_Action.LOG, shadowPrefix: 'istio_dry_run_audit_' },
  { action: 'DENY', rbac: RBAC_Action.DENY, shadowPrefix: 'istio_dry_run_deny_' },
  { action: 'ALLOW', rbac: RBAC_Action.ALLOW, shadowPrefix: 'istio_dry_run_allow_' },
] as const;

/** Policies that apply to a workload. */
export function policiesFor(
  policies: readonly AuthorizationPolicy[],
  rootNamespace: string,
  workload: WorkloadIdentity,
): AuthorizationPolicy[] {
  return policies.filter(
    ({ namespace, selector }) =>
      (namespace === rootNamespace || namespace === workload.namespace) && selects(selector ?? {}, workload.labels),
  );
}

function policyName({ namespace, name }: AuthorizationPolicy, rule: number): string {
  return `ns[${namespace}]-policy[${name}]-rule[${rule}]`;
}

function rulesOf(policies: readonly AuthorizationPolicy[], action: RBAC_Action, site: Omit<RuleSite, 'namespace'>): RBAC | undefined {
  if (policies.length === 0) return undefined;
  const compiled: Record<string, Policy> = {};
  for (const policy of policies) {
    for (const [i, rule] of policy.rules.entries()) {
      const rbac = rbacPolicy(rule, { ...site, namespace: policy.namespace });
      if (rbac !== undefined) compiled[policyName(policy, i)] = rbac;
    }
  }
  return create(RBACSchema, { action, policies: compiled });
}

/** RBAC filters, for HTTP or for bytes, in the order in which they decide. */
export function authorizationFilters(
  policies: readonly AuthorizationPolicy[],
  site: Pick<RuleSite, 'isHttp' | 'isTunnelled' | 'listenPort' | 'trustDomain'>,
): Extension[] {
  return ACTIONS.flatMap(({ action, rbac, shadowPrefix }) => {
    const own = policies.filter((policy) => policy.action === action);
    const rules = rulesOf(
      own.filter(({ isDryRun }) => !isDryRun),
      rbac,
      { ...site, action },
    );
    const shadowRules = rulesOf(
      own.filter(({ isDryRun }) => isDryRun),
      rbac,
      { ...site, action },
    );
    if (rules === undefined && shadowRules === undefined) return [];
    const config = { shadowRulesStatPrefix: shadowPrefix, ...(rules && { rules }), ...(shadowRules && { shadowRules }) };
    return [
      site.isHttp
        ? extension(HTTP_RBAC, HttpRbacSchema, config)
        : extension(NETWORK_RBAC, NetworkRbacSchema, { ...config, statPrefix: 'tcp.' }),
    ];
  });
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
