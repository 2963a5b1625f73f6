/** EnvoyFilter patches that do nothing, or whose order is chance. */
import { isJson, listAt, mapAt, textAt, type Json, type RawDocument } from '../document.ts';
import type { Check, Say } from '../finding.ts';

const RELATIVE: readonly string[] = ['INSERT_BEFORE', 'INSERT_AFTER', 'INSERT_FIRST'];
const REPLACEABLE: readonly string[] = ['HTTP_FILTER', 'NETWORK_FILTER', 'LISTENER_FILTER'];
const ROUTES: readonly string[] = ['ROUTE_CONFIGURATION', 'HTTP_ROUTE'];

function checkPatch(patch: Json, index: number, { originOf, value }: RawDocument, say: Say): void {
  const applyTo = textAt(patch, 'applyTo');
  const operation = textAt(mapAt(patch, 'patch'), 'operation');
  const place = originOf(`spec.configPatches[${index}]`);
  const hasPriority = textAt(mapAt(value, 'spec'), 'priority') !== '';
  const isVersioned = textAt(mapAt(patch, 'match', 'proxy'), 'proxyVersion') !== '';
  if (RELATIVE.includes(operation) && !hasPriority) {
    say('IST0151', place, `${operation} stands beside what other patches make, and no priority says which is first`);
    if (isVersioned) say('IST0155', place, `${operation} is for certain versions of proxies: others get none of it`);
  }
  if (operation === 'REPLACE' && !REPLACEABLE.includes(applyTo))
    say('IST0152', place, `REPLACE of ${applyTo} does nothing: proxies stay as they are`);
  if (operation === 'ADD' && ROUTES.includes(applyTo)) say('IST0153', place, `ADD to ${applyTo} does nothing: proxies stay as they are`);
  if (operation === 'REMOVE' && ROUTES.includes(applyTo))
    say('IST0154', place, `REMOVE of ${applyTo} does nothing: proxies stay as they are`);
}

export const envoyFilters: Check = {
  name: 'envoy-filters',
  looksAt: ['EnvoyFilter'],
  codes: ['IST0151', 'IST0152', 'IST0153', 'IST0154', 'IST0155'],
  run(world, say) {
    for (const document of world.documents.ofKinds('EnvoyFilter')) {
      const patches = listAt(mapAt(document.value, 'spec'), 'configPatches');
      for (const [index, patch] of patches.entries()) if (isJson(patch)) checkPatch(patch, index, document, say);
    }
  },
};
