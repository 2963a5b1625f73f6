/** Hosts that routes have and their gateway does not, and gateways that no route is bound to. */
import type { Gateway } from '../../../model/gateway.ts';
import type { RouteSet } from '../../../model/route.ts';
import { hostSpecificity } from '../../emit/hosts.ts';
import type { Check } from '../finding.ts';
import { virtualServices } from '../routes.ts';

/** True where some server of the gateway lets the host of a namespace in. */
function serves(gateway: Gateway, host: string, namespace: string): boolean {
  return gateway.servers.some(({ hosts }) =>
    hosts.some((written) => {
      const slash = written.indexOf('/');
      const from = written.slice(0, slash);
      const own = written.slice(slash + 1);
      const isLetIn = from === '*' || namespace === (from === '.' ? gateway.namespace : from);
      return isLetIn && (hostSpecificity(own, host) >= 0 || hostSpecificity(host, own) >= 0);
    }),
  );
}

function isOf(set: RouteSet, { namespace, name }: Gateway): boolean {
  return set.gateways.includes(`${namespace}/${name}`);
}

export const gatewayHosts: Check = {
  name: 'gateway-hosts',
  looksAt: ['VirtualService', 'Gateway'],
  codes: ['IST0132', 'TUL218'],
  run(world, say) {
    const sets = virtualServices(world);
    for (const gateway of world.mesh.gateways) {
      const bound = sets.filter((set) => isOf(set, gateway));
      for (const set of bound) {
        for (const [index, host] of set.hosts.entries()) {
          if (set.gateways.includes('mesh') && world.servicesOf(host).length > 0) continue;
          if (serves(gateway, host, set.namespace)) continue;
          const place = world.documents.placeOf(set.origin, `spec.hosts[${index}]`);
          say(
            'IST0132',
            place,
            `Gateway ${gateway.namespace}/${gateway.name} does not serve "${host}" for namespace ${set.namespace}: requests for it are answered with 404`,
          );
        }
      }
      const isOnlyRedirect = gateway.servers.every(({ tls }) => tls?.httpsRedirect === true);
      if (bound.length === 0 && !isOnlyRedirect)
        say(
          'TUL218',
          gateway.origin,
          `no VirtualService names Gateway ${gateway.namespace}/${gateway.name}: whatever comes in is answered with 404`,
        );
    }
  },
};
