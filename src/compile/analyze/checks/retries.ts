/** Retries that may do something twice, and retries that nothing bounds. */
import { hostSpecificity } from '../../emit/hosts.ts';
import type { HttpRule, RetryPolicy } from '../../../model/route.ts';
import type { Check, Say } from '../finding.ts';
import { fullMatches } from '../coverage.ts';
import { forwards, httpRules, policyBlocks } from '../routes.ts';
import type { World } from '../world.ts';

/** Conditions under which the server may have done its work already (Envoy's `retry_on`). */
const AFTER_WORK: readonly string[] = [
  '5xx',
  'gateway-error',
  'reset',
  'retriable-status-codes',
  'deadline-exceeded',
  'internal',
  'cancelled',
];

/** Methods of which two are not one (RFC 9110, 9.2.2). */
const NOT_IDEMPOTENT = ['POST', 'PATCH'] as const;

function retriesAfterWork({ attempts, retryOn }: RetryPolicy): string | undefined {
  return attempts > 0 ? retryOn.find((word) => AFTER_WORK.includes(word)) : undefined;
}

/** Non-idempotent methods that the rule names. */
function namedMethods({ matches }: HttpRule): readonly string[] {
  const methods = matches.flatMap(({ method }) => (method === undefined ? [] : [method]));
  return NOT_IDEMPOTENT.filter((name) =>
    methods.some((method) =>
      method.kind === 'exact' ? method.value === name : method.kind === 'regex' && fullMatches(method.value, name),
    ),
  );
}

function takesAnyMethod({ matches }: HttpRule): boolean {
  return matches.length === 0 || matches.some(({ method }) => method === undefined);
}

function checkMethods(rule: HttpRule, world: World, say: Say): void {
  const word = rule.retries && retriesAfterWork(rule.retries);
  if (word === undefined) return;
  const named = namedMethods(rule);
  if (named.length > 0) {
    const message = `${named.join(' and ')} requests are sent again on "${word}", after which the server may have done them: what they do may be done twice`;
    say('TUL210', world.documents.placeOf(rule.origin, 'retries.retryOn'), message);
  } else if (takesAnyMethod(rule)) {
    const message = `requests of every method are sent again on "${word}", POST included: what they do may be done twice`;
    say('TUL210', world.documents.placeOf(rule.origin, 'retries.retryOn'), message, { severity: 'info' });
  }
}

function hasBudget(host: string, { mesh }: World): boolean {
  return mesh.destinationPolicies.some(
    (own) =>
      hostSpecificity(own.host, host) >= 0 &&
      policyBlocks(own).some(({ policy }) => policy.retryBudget !== undefined || policy.connectionPool?.maxRetries !== undefined),
  );
}

export const retries: Check = {
  name: 'retries',
  looksAt: ['VirtualService', 'DestinationRule'],
  codes: ['TUL210', 'TUL211'],
  run(world, say) {
    const said = new Set<string>();
    for (const { rule } of httpRules(world)) {
      checkMethods(rule, world, say);
      if ((rule.retries?.attempts ?? 0) === 0) continue;
      for (const { destination } of forwards(rule)) {
        const { host } = destination;
        if (said.has(host) || hasBudget(host, world)) continue;
        said.add(host);
        const message = `requests to "${host}" are retried, and no DestinationRule bounds how many retries go on at a time`;
        say('TUL211', world.documents.placeOf(rule.origin, 'retries'), message);
      }
    }
  },
};
