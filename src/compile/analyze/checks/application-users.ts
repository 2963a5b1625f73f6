/** Applications that run as the proxy's user, whose traffic is not intercepted. */
import { isObject } from '../../../core/object.ts';
import { listAt, mapAt, textAt, type Json } from '../document.ts';
import type { Check } from '../finding.ts';
import { POD_KINDS } from '../runners.ts';

/** User id of Istio's proxies; redirection leaves it out. */
const PROXY_UID = '1337';

function usersOf(spec: Json): readonly string[] {
  const containers = listAt(spec, 'containers').filter((container) => isObject(container) && textAt(container, 'name') !== 'istio-proxy');
  return [spec, ...containers].map((part) => textAt(mapAt(part, 'securityContext'), 'runAsUser'));
}

export const applicationUsers: Check = {
  name: 'application-users',
  looksAt: Object.keys(POD_KINDS),
  codes: ['IST0144'],
  run(world, say) {
    for (const { kind, value, namespace, name, originOf } of world.documents.ofKinds(...Object.keys(POD_KINDS))) {
      const path = [...(POD_KINDS[kind] ?? []), 'spec'];
      if (!usersOf(mapAt(value, ...path)).includes(PROXY_UID)) continue;
      say(
        'IST0144',
        originOf(path.join('.')),
        `${kind} ${namespace}/${name} runs as user ${PROXY_UID}, which is the proxy's: what it sends is neither routed nor encrypted`,
      );
    }
  },
};
