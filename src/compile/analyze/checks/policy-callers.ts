/** Callers that policies name and that do not exist. */
import type { Check } from '../finding.ts';
import { unknownCallers } from '../impossible.ts';

export const policyCallers: Check = {
  name: 'policy-callers',
  looksAt: ['AuthorizationPolicy', 'Workload', 'ServiceAccount', 'Namespace'],
  codes: ['TUL203'],
  run(world, say) {
    for (const { rules, action, origin } of world.mesh.authorizationPolicies) {
      for (const [at, { from }] of rules.entries()) {
        for (const [index, source] of from.entries()) {
          for (const { field, reason } of unknownCallers(source, world).flat()) {
            const place = world.documents.placeOf(origin, `spec.rules[${at}].from[${index}].source.${field}`);
            say('TUL203', place, `${reason}: ${action} applies to nobody by it`);
          }
        }
      }
    }
  },
};
