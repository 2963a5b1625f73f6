/** Who decides about requests for CUSTOM policies: there must be such a provider, one for each workload, and a service behind it. */
import { isAuthorizationProvider } from '../../../model/extension-provider.ts';
import type { Mesh } from '../../../model/mesh.ts';
import { type AuthorizationPolicy, isFor } from '../../../model/security.ts';
import { providerService } from '../../../model/provider-service.ts';
import type { Labelled } from './check-policies.ts';
import { nameOf, type Findings } from './findings.ts';

function checkProvider(policy: AuthorizationPolicy, mesh: Mesh, findings: Findings): void {
  const { provider: name, origin } = policy;
  const at = { ...origin, field: 'spec.provider.name' };
  const provider = mesh.settings.extensionProviders.find((one) => one.name === name);
  if (provider === undefined || !isAuthorizationProvider(provider)) {
    const known = mesh.settings.extensionProviders.filter(isAuthorizationProvider).map((one) => one.name);
    const others = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`;
    const message = `MeshConfig has no provider "${name}" that decides about requests (${others}): what the rules match is denied`;
    return findings.warning('TUL118', at, message);
  }
  const found = providerService(provider.service, mesh.services);
  if (typeof found === 'string')
    findings.warning('TUL118', at, `the provider "${name}" cannot be asked: ${found}: what the rules match is denied`);
}

/** A policy with another provider that is for the same workload. */
function rivalOf(
  policy: AuthorizationPolicy,
  others: readonly AuthorizationPolicy[],
  labelled: readonly Labelled[],
  rootNamespace: string,
): AuthorizationPolicy | undefined {
  const targets = labelled.filter((item) => isFor(policy, rootNamespace, item));
  return others.find((other) => other.provider !== policy.provider && targets.some((item) => isFor(other, rootNamespace, item)));
}

/** Checks the providers of CUSTOM policies; `labelled` is all that can be selected. */
export function checkProviders(mesh: Mesh, labelled: readonly Labelled[], findings: Findings): void {
  const custom = mesh.authorizationPolicies.filter(({ action }) => action === 'CUSTOM');
  for (const [index, policy] of custom.entries()) {
    checkProvider(policy, mesh, findings);
    const rival = rivalOf(policy, custom.slice(0, index), labelled, mesh.settings.rootNamespace);
    if (rival === undefined) continue;
    const message = `${nameOf(rival.origin)} asks "${rival.provider}" for the same workload, which may ask one provider only: what the rules of both match is denied`;
    findings.warning('TUL119', { ...policy.origin, field: 'spec.provider.name' }, message);
  }
}
