/** Selectors of Services and Gateways that select nothing, which mostly are misspelt. */
import { selects, type LabelSelector } from '../../../model/match.ts';
import type { Gateway } from '../../../model/gateway.ts';
import type { Service } from '../../../model/service.ts';
import type { ServicePart } from '../part.ts';
import { describeSelector, type Labelled } from './check-policies.ts';
import type { Findings } from './findings.ts';
import { serviceKey } from './virtual-addresses.ts';

/** Checks services and gateways against `labelled`, all that can be selected: workloads, instances, WorkloadEntries. */
export function checkSelectors(
  parts: readonly ServicePart[],
  services: readonly Service[],
  gateways: readonly Gateway[],
  labelled: readonly Labelled[],
  findings: Findings,
): void {
  // Endpoints and EndpointSlices serve a service whose pods nobody declared here.
  const served = new Set(services.filter(({ endpoints }) => endpoints.length > 0).map(serviceKey));
  const byNamespace = Map.groupBy(labelled, ({ namespace }) => namespace);
  const isSelected = (selector: LabelSelector, candidates: readonly Labelled[]): boolean =>
    candidates.some(({ labels }) => selects(selector, labels));
  for (const { service, selector } of parts) {
    const { namespace, origin } = service;
    if (selector === undefined || served.has(serviceKey(service)) || isSelected(selector, byNamespace.get(namespace) ?? [])) continue;
    const message = `no workload of namespace ${namespace} has ${describeSelector(selector)}: nobody serves ${service.hostname}`;
    findings.warning('TUL106', { ...origin, field: selectorField(origin.kind) }, message);
  }
  for (const { selector, origin } of gateways) {
    if (Object.keys(selector).length === 0 || isSelected(selector, labelled)) continue;
    const message = `no workload has ${describeSelector(selector)}: nobody opens the ports of the Gateway`;
    findings.warning('TUL106', { ...origin, field: 'spec.selector' }, message);
  }
}

function selectorField(kind: string): string {
  return kind === 'ServiceEntry' ? 'spec.workloadSelector' : 'spec.selector';
}
