/** ALLOW policies that allow nothing, and so deny all. */
import type { Check } from '../finding.ts';
import { isImpossible } from '../impossible.ts';
import { targetsFor } from '../policy-targets.ts';

export const policyDenials: Check = {
  name: 'policy-denials',
  looksAt: ['AuthorizationPolicy', 'Workload', 'Service'],
  codes: ['TUL205'],
  run(world, say) {
    for (const policy of world.mesh.authorizationPolicies) {
      const { action, rules, origin, isDryRun } = policy;
      if (action !== 'ALLOW' || isDryRun || rules.length === 0) continue;
      if (!rules.every((rule) => isImpossible(rule, policy, world))) continue;
      const targets = targetsFor(policy, world);
      if (targets.length === 0) continue;
      const names = targets.slice(0, 3).map((target) => `${target.namespace}/${target.name}`);
      const more = targets.length > 3 ? ` and ${targets.length - 3} more` : '';
      say(
        'TUL205',
        world.documents.placeOf(origin, 'spec.rules'),
        `no rule can match: ${names.join(', ')}${more} answer 403 to every request that no other policy allows`,
      );
    }
  },
};
