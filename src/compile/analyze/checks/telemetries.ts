/** Telemetry resources of which only one can count, and those that send nowhere. */
import { isJson, listAt, mapAt } from '../document.ts';
import type { Check } from '../finding.ts';
import { checkSelecting } from '../selecting.ts';

export const telemetries: Check = {
  name: 'telemetries',
  looksAt: ['Telemetry', 'Workload'],
  codes: ['IST0127', 'IST0157', 'IST0159', 'IST0160'],
  run(world, say) {
    const what = { kind: 'Telemetry', selector: ['selector', 'matchLabels'], severalWithout: 'IST0160', severalFor: 'IST0159' } as const;
    checkSelecting({ ...what, effect: 'the logs, metrics and traces of the younger are not sent' }, world, say);
    for (const { value, originOf } of world.documents.ofKinds('Telemetry')) {
      const logging = listAt(mapAt(value, 'spec'), 'accessLogging');
      for (const [index, item] of logging.entries()) {
        if (!isJson(item) || item['disabled'] === true || listAt(item, 'providers').length > 0) continue;
        say(
          'IST0157',
          originOf(`spec.accessLogging[${index}]`),
          'no provider is named: access logs are sent only where the mesh has a default provider',
        );
      }
    }
  },
};
