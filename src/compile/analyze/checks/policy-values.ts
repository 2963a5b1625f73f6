/** Paths, methods and hosts of policies in a form that no request has. */
import type { Check } from '../finding.ts';
import { unusableValues } from '../impossible.ts';

export const policyValues: Check = {
  name: 'policy-values',
  looksAt: ['AuthorizationPolicy'],
  codes: ['TUL206'],
  run(world, say) {
    for (const { rules, action, origin } of world.mesh.authorizationPolicies) {
      for (const [at, { to }] of rules.entries()) {
        for (const [index, operation] of to.entries()) {
          for (const { field, reason } of unusableValues(operation).flat()) {
            const place = world.documents.placeOf(origin, `spec.rules[${at}].to[${index}].operation.${field}`);
            say('TUL206', place, `${reason}: ${action} applies to no request by it`);
          }
        }
      }
    }
  },
};
