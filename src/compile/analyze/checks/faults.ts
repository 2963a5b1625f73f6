/** Faults beside retries and timeouts that do not act on them. */
import type { Check } from '../finding.ts';
import { httpRules } from '../routes.ts';

export const faults: Check = {
  name: 'faults',
  looksAt: ['VirtualService'],
  codes: ['TUL213'],
  run(world, say) {
    for (const { rule } of httpRules(world)) {
      const { fault, retries, timeoutMs } = rule;
      const place = world.documents.placeOf(rule.origin, 'fault');
      const hasAbort = fault?.abort !== undefined && fault.abort.percent > 0;
      if (hasAbort && retries !== undefined && retries.attempts > 0) {
        say(
          'TUL213',
          place,
          `${fault.abort.percent} % of requests are answered with ${fault.abort.status} before they are sent, and none of them is retried`,
        );
      }
      const delay = fault?.delay;
      if (delay !== undefined && delay.percent > 0 && timeoutMs !== undefined && timeoutMs > 0) {
        say(
          'TUL213',
          place,
          `requests are held for ${delay.fixedMs} ms before they are sent: the timeout of ${timeoutMs} ms begins after that`,
        );
      }
    }
  },
};
