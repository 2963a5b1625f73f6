/**
 * Everything that decides whether a request or connection may come in to a workload, in the order in which it decides:
 * CUSTOM policies, tokens, and then AUDIT, DENY and ALLOW.
 */
import type { JsonObject } from '@bufbuild/protobuf';
import type { AuthorizationPolicy } from '../../model/security.ts';
import type { Extension } from './any.ts';
import { authorizationFilters, customFilters, type GuardSite, policiesFor, policyOrigins } from './authorization.ts';
import type { WorkloadIdentity } from './peer-authentication.ts';
import { tokenFilters, tokenOrigins } from './request-authentication.ts';
import type { Security } from './security.ts';

export interface Guard {
  readonly security: Security;
  readonly workload: WorkloadIdentity;
  readonly policies: readonly AuthorizationPolicy[];
}

/** What guards a workload, or a gateway. */
export function guardOf(security: Security, workload: WorkloadIdentity): Guard {
  const { authorizationPolicies, settings } = security;
  return { security, workload, policies: policiesFor(authorizationPolicies, settings.rootNamespace, workload) };
}

/** The filters of a guard, for HTTP or for bytes. */
export function guardFilters({ security, workload, policies }: Guard, site: GuardSite): readonly Extension[] {
  return [
    ...customFilters(policies, site, security),
    ...(site.isHttp ? tokenFilters(security, workload, site.isGateway) : []),
    ...authorizationFilters(policies, site, security),
  ];
}

/** Where all of it was written: `policies` and `tokens` of a listener's `tulle` metadata; undefined where there is nothing. */
export function guardOrigins({ security, workload, policies }: Guard): JsonObject | undefined {
  const tokens = tokenOrigins(security, workload);
  const hasTokens = Object.keys(tokens).length > 0;
  if (policies.length === 0 && !hasTokens) return undefined;
  return { ...(policies.length > 0 && { policies: policyOrigins(policies) }), ...(hasTokens && { tokens }) };
}
