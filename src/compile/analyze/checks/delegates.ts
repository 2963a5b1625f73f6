/** VirtualServices without hosts that no other names as its delegate. */
import { isObject } from '../../../core/object.ts';
import type { Check } from '../finding.ts';
import { listAt, mapAt, type RawDocument, textAt } from '../document.ts';

/** Those that `document` leaves requests to, as namespace/name. */
function delegatesOf({ value, namespace }: RawDocument): string[] {
  return listAt(mapAt(value, 'spec'), 'http').flatMap((rule) => {
    const delegate = isObject(rule) ? mapAt(rule, 'delegate') : {};
    const name = textAt(delegate, 'name');
    return name === '' ? [] : [`${textAt(delegate, 'namespace') || namespace}/${name}`];
  });
}

export const delegates: Check = {
  name: 'delegates',
  looksAt: ['VirtualService'],
  codes: ['TUL234'],
  run(world, say) {
    const all = world.documents.ofKinds('VirtualService').filter(({ key }) => !world.refused.has(key));
    const named = new Set(all.flatMap(delegatesOf));
    for (const document of all) {
      const isDelegate = listAt(mapAt(document.value, 'spec'), 'hosts').length === 0;
      if (!isDelegate || named.has(`${document.namespace}/${document.name}`)) continue;
      const message = 'it has no hosts, and no VirtualService names it as its delegate: its rules are for no request';
      say('TUL234', document.originOf('spec'), message);
    }
  },
};
