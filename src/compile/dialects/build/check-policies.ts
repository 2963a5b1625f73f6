/** What policies say to each other and to workloads. */
import { selects, type LabelSelector } from '../../../model/match.ts';
import type { Mesh } from '../../../model/mesh.ts';
import type { DestinationPolicy } from '../../../model/traffic-policy.ts';
import { nameOf, type Findings } from './findings.ts';

/** Something that a selector may select. */
export interface Labelled {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Two rules for one host in one namespace: subsets add up, of the settings the older's count. */
function checkDestinationPolicies(policies: readonly DestinationPolicy[], findings: Findings): void {
  const byHost = Map.groupBy(
    policies,
    ({ namespace, host, workloadSelector }) => `${namespace}/${host}/${JSON.stringify(workloadSelector)}`,
  );
  for (const [first, ...others] of byHost.values()) {
    if (first === undefined) continue;
    const names = new Map(first.subsets.map(({ name }) => [name, first]));
    let withPolicy = first.policy === undefined ? undefined : first;
    for (const other of others) {
      if (other.policy !== undefined && withPolicy !== undefined) {
        const message = `"${other.host}" has a trafficPolicy in ${nameOf(withPolicy.origin)}, which is older and counts: this one is left out`;
        findings.warning('TUL105', other.policy.origin, message);
      }
      if (other.policy !== undefined) withPolicy ??= other;
      for (const subset of other.subsets) {
        const owner = names.get(subset.name);
        if (owner === undefined) names.set(subset.name, other);
        else {
          const message = `"${other.host}" has a subset "${subset.name}" in ${nameOf(owner.origin)}, which is older and counts: this one is left out`;
          findings.warning('TUL105', subset.origin, message);
        }
      }
    }
  }
}

/** `app=web, version=v1`. */
export function describeSelector(selector: LabelSelector): string {
  return Object.entries(selector)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

/** Of PeerAuthentications with the same scope the older counts. */
function checkPeerAuthentications(mesh: Mesh, findings: Findings): void {
  const byScope = Map.groupBy(mesh.peerAuthentications, ({ namespace, selector }) => `${namespace}/${JSON.stringify(selector ?? {})}`);
  for (const [first, ...others] of byScope.values()) {
    if (first === undefined) continue;
    for (const { origin } of others) {
      findings.warning('TUL108', origin, `${nameOf(first.origin)} is for the same workloads, older, and counts: this one is left out`);
    }
  }
}

/** Checks policies against each other and their selectors against `labelled`, all that can be selected. */
export function checkPolicies(mesh: Mesh, labelled: readonly Labelled[], findings: Findings): void {
  checkDestinationPolicies(mesh.destinationPolicies, findings);
  checkPeerAuthentications(mesh, findings);
  const matches = (selector: LabelSelector, namespace: string | undefined): boolean =>
    labelled.some((item) => (namespace === undefined || item.namespace === namespace) && selects(selector, item.labels));
  for (const { namespace, selector, origin } of mesh.peerAuthentications) {
    if (selector === undefined || matches(selector, namespace)) continue;
    findings.warning(
      'TUL106',
      { ...origin, field: 'spec.selector' },
      `no workload of namespace ${namespace} has ${describeSelector(selector)}: the policy does nothing`,
    );
  }
  for (const { namespace, selector, origin } of [...mesh.requestAuthentications, ...mesh.authorizationPolicies]) {
    // In the root namespace a selector is for all namespaces.
    const scope = namespace === mesh.settings.rootNamespace ? undefined : namespace;
    if (selector === undefined || matches(selector, scope)) continue;
    const where = scope === undefined ? 'the mesh' : `namespace ${scope}`;
    findings.warning(
      'TUL106',
      { ...origin, field: 'spec.selector' },
      `no workload of ${where} has ${describeSelector(selector)}: the policy does nothing`,
    );
  }
}
