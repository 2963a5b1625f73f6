/**
 * Everything that decides whether a request or connection may come in to a workload, in the order in which it decides:
 * CUSTOM policies, tokens, and then AUDIT, DENY and ALLOW.
 */
import type { AuthorizationPolicy } from '../../model/security.ts';
import type { Listener } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import type { Extension } from './any.ts';
import { authorizationFilters, customFilters, type GuardSite, policiesFor, policyOrigins } from './authorization.ts';
import type { WorkloadIdentity } from './peer-authentication.ts';
import { tellMore } from './provenance.ts';
import { type OwnedRule, tokenFilters, tokenOrigins, tokenRulesFor } from './request-authentication.ts';
import type { Security } from './security.ts';

export interface Guard {
  readonly security: Security;
  readonly policies: readonly AuthorizationPolicy[];
  readonly tokenRules: readonly OwnedRule[];
}

/** What guards a workload, or a gateway. */
export function guardOf(security: Security, workload: WorkloadIdentity): Guard {
  const { authorizationPolicies, settings } = security;
  return {
    security,
    policies: policiesFor(authorizationPolicies, settings.rootNamespace, workload),
    tokenRules: tokenRulesFor(security, workload),
  };
}

/** The filters of a guard, for HTTP or for bytes. */
export function guardFilters({ security, policies, tokenRules }: Guard, site: GuardSite): readonly Extension[] {
  return [
    ...customFilters(policies, site, security),
    ...(site.isHttp ? tokenFilters(security, tokenRules, site.isGateway) : []),
    ...authorizationFilters(policies, site, security),
  ];
}

/** Says on a listener where all of it was written: `policies` and `tokens` of its `tulle` metadata. */
export function setGuardOrigins(message: Listener, { policies, tokenRules }: Guard): void {
  if (policies.length === 0 && tokenRules.length === 0) return;
  tellMore(message, {
    ...(policies.length > 0 && { policies: policyOrigins(policies) }),
    ...(tokenRules.length > 0 && { tokens: tokenOrigins(tokenRules) }),
  });
}
