/** Conditions of HTTP for workloads whose ports are bytes to the proxy. */
import type { AuthorizationOperation, AuthorizationPolicy, AuthorizationRule } from '../../../model/security.ts';
import { isOpaque } from '../../../model/service.ts';
import type { Check, Say } from '../finding.ts';
import type { Target, World } from '../world.ts';

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
  CUSTOM: 'the provider is asked there whatever the rest of the rule matches',
} as const;

function opaquePorts(rule: AuthorizationRule, target: Target): readonly number[] {
  return portsOf(rule, target).filter((number) => target.known.get(number)?.every(isOpaque) === true);
}

function isAskedByHttp({ action, provider }: AuthorizationPolicy, { mesh }: World): boolean {
  return action === 'CUSTOM' && mesh.settings.extensionProviders.some(({ name, kind }) => name === provider && kind === 'ext-authz-http');
}

/** Providers that speak HTTP are asked about requests only: connections pass as if the policy were not there. */
function checkProvider({ rules, selector, namespace, provider, origin }: AuthorizationPolicy, world: World, say: Say): void {
  for (const target of world.targetsOf(namespace, selector)) {
    if (target.isGateway) continue;
    const bytes = rules.flatMap((rule) => opaquePorts(rule, target));
    if (bytes.length === 0) continue;
    const ports = [...new Set(bytes)].join(', ');
    const message = `port ${ports} of ${target.namespace}/${target.name} is not read as HTTP, and provider "${provider}" is asked by HTTP about requests only: connections to it pass unasked`;
    const isMeant = selector !== undefined || rules.every(({ to }) => to.some((operation) => operation.ports.values.length > 0));
    say('TUL233', world.documents.placeOf(origin, 'spec.provider'), message, isMeant ? {} : { severity: 'info' });
    return;
  }
}

export const policyProtocols: Check = {
  name: 'policy-protocols',
  looksAt: ['AuthorizationPolicy', 'MeshConfig', 'Service', 'Workload'],
  codes: ['TUL207', 'TUL233'],
  run(world, say) {
    for (const policy of world.mesh.authorizationPolicies) {
      const { rules, action, namespace, selector, origin } = policy;
      if (isAskedByHttp(policy, world)) {
        checkProvider(policy, world, say);
        continue;
      }
      // a policy for a whole namespace is meant for what it fits
      if (selector === undefined || action === 'AUDIT') continue;
      const targets = world.targetsOf(namespace, selector).filter(({ known, isGateway }) => known.size > 0 && !isGateway);
      for (const [at, rule] of rules.entries()) {
        const field = httpField(rule);
        if (field === undefined) continue;
        for (const target of targets) {
          const bytes = opaquePorts(rule, target);
          if (bytes.length === 0) continue;
          const place = world.documents.placeOf(origin, `spec.rules[${at}].${field}`);
          say('TUL207', place, `port ${bytes.join(', ')} of ${target.namespace}/${target.name} is not read as HTTP: ${EFFECTS[action]}`);
          break;
        }
      }
    }
  },
};
