/** Ports that policies name and that no workload has. */
import type { Check } from '../finding.ts';
import { unknownPorts } from '../impossible.ts';

export const policyPorts: Check = {
  name: 'policy-ports',
  looksAt: ['AuthorizationPolicy', 'Service', 'Workload'],
  codes: ['TUL204'],
  run(world, say) {
    for (const policy of world.mesh.authorizationPolicies) {
      for (const [at, { to }] of policy.rules.entries()) {
        for (const [index, operation] of to.entries()) {
          for (const { field, reason } of unknownPorts(operation, policy, world)) {
            const place = world.documents.placeOf(policy.origin, `spec.rules[${at}].to[${index}].operation.${field}`);
            say('TUL204', place, `${reason}: ${policy.action} applies to no request by it`);
          }
        }
      }
    }
  },
};
