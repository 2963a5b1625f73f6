/** Sidecar resources of which only one can count. */
import type { Check } from '../finding.ts';
import { checkSelecting } from '../selecting.ts';

export const sidecars: Check = {
  name: 'sidecars',
  looksAt: ['Sidecar', 'Workload'],
  codes: ['IST0110', 'IST0111', 'IST0127'],
  run(world, say) {
    const what = { kind: 'Sidecar', selector: ['workloadSelector', 'labels'], severalWithout: 'IST0111', severalFor: 'IST0110' } as const;
    checkSelecting({ ...what, effect: 'the oldest counts for its proxies, and requests to hosts of the other fail' }, world, say);
  },
};
