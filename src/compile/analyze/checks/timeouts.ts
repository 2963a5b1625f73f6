/** Timeouts that leave no time for the retries beside them. */
import type { HttpRule } from '../../../model/route.ts';
import type { Check } from '../finding.ts';
import { httpRules } from '../routes.ts';

/** How many attempts of a rule fit into its timeout where each takes its whole time; undefined where all do. */
function attemptsThatFit({ timeoutMs, retries }: HttpRule): { readonly fit: number; readonly wanted: number } | undefined {
  if (timeoutMs === undefined || timeoutMs === 0 || retries === undefined || retries.attempts === 0) return undefined;
  const perTryMs = retries.perTryTimeoutMs;
  if (perTryMs === undefined || perTryMs === 0) return undefined;
  const wanted = retries.attempts + 1;
  return timeoutMs >= perTryMs * wanted ? undefined : { fit: Math.floor(timeoutMs / perTryMs), wanted };
}

export const timeouts: Check = {
  name: 'timeouts',
  looksAt: ['VirtualService'],
  codes: ['TUL212'],
  run(world, say) {
    for (const { rule } of httpRules(world)) {
      const attempts = attemptsThatFit(rule);
      if (attempts === undefined) continue;
      const { fit, wanted } = attempts;
      const place = world.documents.placeOf(rule.origin, 'timeout');
      const times = `timeout is ${rule.timeoutMs} ms, perTryTimeout ${rule.retries?.perTryTimeoutMs} ms`;
      if (fit <= 1) say('TUL212', place, `${times}: the request ends before an attempt that hangs can be retried`);
      else say('TUL212', place, `${times}: of ${wanted} attempts that hang only ${fit} have their time`, { severity: 'info' });
    }
  },
};
