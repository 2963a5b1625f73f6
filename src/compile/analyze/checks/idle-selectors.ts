/** Selectors and references of DestinationRules, ProxyConfigs and policies that are nobody's. */
import { selects } from '../../../model/match.ts';
import type { Check, Say } from '../finding.ts';
import { targetsFor } from '../policy-targets.ts';
import type { World } from '../world.ts';

function checkClients(world: World, say: Say): void {
  for (const { namespace, workloadSelector, origin } of world.mesh.destinationPolicies) {
    if (world.targets.some((target) => target.namespace === namespace && selects(workloadSelector, target.labels))) continue;
    if (Object.keys(workloadSelector).length === 0) continue;
    const place = world.documents.placeOf(origin, 'spec.workloadSelector');
    say('IST0127', place, `no workload of namespace ${namespace} has these labels: the rule is for no client`);
  }
}

function checkProxies(world: World, say: Say): void {
  for (const { namespace, selector, origin } of world.mesh.proxyConfigs) {
    if (selector === undefined || world.targetsOf(namespace, selector).length > 0) continue;
    const place = world.documents.placeOf(origin, 'spec.selector');
    say('IST0127', place, `no workload of namespace ${namespace} has these labels: the ProxyConfig does nothing`);
  }
}

function checkReferences(world: World, say: Say): void {
  for (const policy of [...world.mesh.authorizationPolicies, ...world.mesh.requestAuthentications]) {
    const { gateways, namespace, origin } = policy;
    // none is left where all are for waypoints, which the compiler says
    if (gateways === undefined || gateways.length === 0 || targetsFor(policy, world).length > 0) continue;
    const names = gateways.map((name) => `"${name}"`).join(', ');
    const message = `no workload of namespace ${namespace} is labelled gateway.networking.k8s.io/gateway-name: ${names}: the policy does nothing`;
    say('IST0127', world.documents.placeOf(origin, 'spec.targetRefs'), message);
  }
}

export const idleSelectors: Check = {
  name: 'idle-selectors',
  looksAt: ['DestinationRule', 'ProxyConfig', 'AuthorizationPolicy', 'RequestAuthentication', 'Workload'],
  codes: ['IST0127'],
  run(world, say) {
    checkClients(world, say);
    checkProxies(world, say);
    checkReferences(world, say);
  },
};
