/** Flows as people look at them: a request once, though both proxies on its way tell of it. */
import { type Flow, latestWords, PLAINTEXT_REFUSED } from '../../../src/model/flow.ts';

/** Details of what no policy of those that allow has let in. */
const NO_ALLOW = 'rbac_access_denied_matched_policy[none]';

/** Why it was denied, for people. */
export function reasonOf({ policy, details }: Pick<Flow, 'policy' | 'details'>): string {
  if (policy !== undefined) {
    const name = `${policy.kind} ${policy.namespace}/${policy.name}`;
    return details === PLAINTEXT_REFUSED ? `Plaintext, and mTLS is STRICT: ${name}` : name;
  }
  return details === NO_ALLOW ? 'No ALLOW policy fits' : details || 'no policy was named';
}

/** Who tells of a request tells more with a policy's name, then with trouble, then as the caller's side. */
function telling({ policy, verdict, reporter }: Flow): number {
  return (policy === undefined ? 0 : 4) + (verdict === 'forwarded' ? 0 : 2) + (reporter === 'destination' ? 0 : 1);
}

/** Of flows of one request between the same two, the one that tells most, in the place of the first. */
export function merged(flows: readonly Flow[]): Flow[] {
  const byRequest = new Map<string, Flow>();
  for (const flow of latestWords(flows)) {
    const { id, source, destination, request, proxy } = flow;
    // connections are numbered by each proxy for itself
    const key = request === undefined ? `${id} ${proxy}` : `${id} ${source.workload} ${destination.workload} ${request.path}`;
    const known = byRequest.get(key);
    if (known === undefined || telling(flow) > telling(known)) byRequest.set(key, flow);
  }
  return [...byRequest.values()];
}
