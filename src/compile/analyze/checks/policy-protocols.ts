/** Conditions of HTTP for workloads whose ports are bytes to the proxy. */
import type { AuthorizationOperation, AuthorizationRule } from '../../../model/security.ts';
import { isOpaque } from '../../../model/service.ts';
import type { Check } from '../finding.ts';
import type { Target } from '../world.ts';

function hasAny(...lists: readonly { readonly values: readonly string[]; readonly notValues: readonly string[] }[]): boolean {
  return lists.some(({ values, notValues }) => values.length > 0 || notValues.length > 0);
}

function isHttpOperation({ hosts, methods, paths }: AuthorizationOperation): boolean {
  return hasAny(hosts, methods, paths);
}

/** What of the rule only HTTP has, by field. */
function httpField({ from, to, when }: AuthorizationRule): string | undefined {
  const operation = to.findIndex(isHttpOperation);
  if (operation !== -1 && to.every(isHttpOperation)) return `to[${operation}].operation`;
  const source = from.findIndex(({ requestPrincipals, remoteIpBlocks }) => hasAny(requestPrincipals, remoteIpBlocks));
  if (source !== -1) return `from[${source}].source`;
  const condition = when.findIndex(({ key }) => key.startsWith('request.'));
  return condition === -1 ? undefined : `when[${condition}]`;
}

/** Ports that the rule is for; all where it names none. */
function portsOf({ to }: AuthorizationRule, { known }: Target): readonly number[] {
  const named = to.flatMap(({ ports }) => ports.values.map(Number));
  return [...known.keys()].filter((number) => named.length === 0 || named.includes(number));
}

const EFFECTS = {
  ALLOW: 'the rule allows nothing there',
  DENY: 'the rule denies there whatever the rest of it matches',
  CUSTOM: 'a gRPC provider is asked there whatever the rest of the rule matches, and one of HTTP about nothing',
} as const;

export const policyProtocols: Check = {
  name: 'policy-protocols',
  looksAt: ['AuthorizationPolicy', 'Service', 'Workload'],
  codes: ['TUL207'],
  run(world, say) {
    for (const { rules, action, namespace, selector, origin } of world.mesh.authorizationPolicies) {
      // a policy for a whole namespace is meant for what it fits
      if (selector === undefined || action === 'AUDIT') continue;
      const targets = world.targetsOf(namespace, selector).filter(({ known, isGateway }) => known.size > 0 && !isGateway);
      for (const [at, rule] of rules.entries()) {
        const field = httpField(rule);
        if (field === undefined) continue;
        for (const target of targets) {
          const bytes = portsOf(rule, target).filter((number) => target.known.get(number)?.every(isOpaque) === true);
          if (bytes.length === 0) continue;
          const place = world.documents.placeOf(origin, `spec.rules[${at}].${field}`);
          say('TUL207', place, `port ${bytes.join(', ')} of ${target.namespace}/${target.name} is not read as HTTP: ${EFFECTS[action]}`);
          break;
        }
      }
    }
  },
};
