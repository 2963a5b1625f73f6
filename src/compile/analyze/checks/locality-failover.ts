/** Failover between localities where nothing takes failing endpoints out, so that it never happens. */
import type { LocalityPreference } from '../../../model/traffic-policy.ts';
import type { Check, Say } from '../finding.ts';
import { policyBlocks } from '../routes.ts';
import type { World } from '../world.ts';

const EFFECT = 'without outlierDetection localities have no order: calls go to all of them alike, near or far';

/** The field that says what takes over; undefined where nothing does. */
function failoverField({ isEnabled, failover, failoverPriority }: LocalityPreference): string | undefined {
  if (!isEnabled) return undefined;
  if (failoverPriority.length > 0) return 'failoverPriority';
  return failover.length > 0 ? 'failover' : undefined;
}

function checkRules(world: World, say: Say): void {
  const { defaultOutlierDetection } = world.mesh.settings;
  for (const rule of world.mesh.destinationPolicies) {
    for (const { policy, port } of policyBlocks(rule)) {
      const preference = policy.loadBalancer?.locality;
      const field = preference && failoverField(preference);
      // a port's own settings take nothing of those around them
      const inherited = port === undefined ? rule.policy?.outlierDetection : undefined;
      if (field === undefined || (policy.outlierDetection ?? inherited ?? defaultOutlierDetection) !== undefined) continue;
      const place = world.documents.placeOf(policy.origin, `loadBalancer.localityLbSetting.${field}`);
      say('TUL236', place, `${field} counts with outlierDetection only: ${EFFECT}`);
    }
  }
}

function checkMesh({ mesh, documents }: World, say: Say): void {
  const { locality, defaultOutlierDetection } = mesh.settings;
  const field = failoverField(locality);
  if (field === undefined || defaultOutlierDetection !== undefined) return;
  const isDetected = mesh.destinationPolicies.some((rule) =>
    policyBlocks(rule).some(({ policy }) => policy.outlierDetection !== undefined),
  );
  const [document] = documents.ofKinds('MeshConfig');
  if (isDetected || document === undefined) return;
  const message = `${field} counts with outlierDetection only, which no DestinationRule and no defaultTrafficPolicy has: ${EFFECT}`;
  say('TUL236', document.originOf(`spec.localityLbSetting.${field}`), message);
}

export const localityFailover: Check = {
  name: 'locality-failover',
  looksAt: ['DestinationRule', 'MeshConfig'],
  codes: ['TUL236'],
  run(world, say) {
    checkRules(world, say);
    checkMesh(world, say);
  },
};
