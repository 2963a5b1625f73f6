/** Routes whose viewers do not see what they lead to (exportTo). */
import { selects } from '../../../model/match.ts';
import type { RouteSet } from '../../../model/route.ts';
import { isExported } from '../../emit/hosts.ts';
import type { Check } from '../finding.ts';
import { destinationsOf, virtualServices } from '../routes.ts';
import type { World } from '../world.ts';

/** True where `viewer` can call a host of the route; of hosts that no service has nothing is known. */
function calls(viewer: string, set: RouteSet, world: World): boolean {
  return set.hosts.some((host) => {
    const services = world.servicesOf(host);
    return services.length === 0 || services.some((service) => isExported(service.exportTo, service.namespace, viewer));
  });
}

/** Namespaces whose proxies follow the rules. */
function followers(set: RouteSet, world: World): readonly string[] {
  const viewers = set.gateways.includes('mesh')
    ? [...world.namespaces].filter((name) => isExported(set.exportTo, set.namespace, name) && calls(name, set, world))
    : [];
  return [...new Set([...viewers, ...gatewayNamespaces(set, world)])];
}

function gatewayNamespaces(set: RouteSet, { mesh, targets }: World): readonly string[] {
  const gateways = mesh.gateways.filter(({ namespace, name }) => set.gateways.includes(`${namespace}/${name}`));
  return gateways.flatMap(({ selector }) =>
    targets.filter(({ isGateway, labels }) => isGateway && selects(selector, labels)).map(({ namespace }) => namespace),
  );
}

export const visibility: Check = {
  name: 'visibility',
  looksAt: ['VirtualService', 'Service', 'ServiceEntry', 'Gateway'],
  codes: ['TUL216'],
  run(world, say) {
    for (const set of virtualServices(world)) {
      const viewers = followers(set, world);
      for (const namespace of gatewayNamespaces(set, world)) {
        if (isExported(set.exportTo, set.namespace, namespace)) continue;
        const place = world.documents.placeOf(set.origin, 'spec.exportTo');
        say(
          'TUL216',
          place,
          `the gateway runs in namespace ${namespace}, which does not see these rules: their requests are answered with 404`,
        );
        break;
      }
      for (const { destination, origin } of destinationsOf(set)) {
        const services = world.servicesOf(destination.host);
        if (services.every(({ exportTo }) => exportTo.includes('*'))) continue;
        const blind = viewers.filter((name) => !services.some((service) => isExported(service.exportTo, service.namespace, name)));
        // in the mesh only those who see a host call it; a route to another host is the trap
        const isOwnHost = set.hosts.includes(destination.host) && !viewers.every((name) => blind.includes(name));
        if (blind.length === 0 || isOwnHost) continue;
        const some = blind.slice(0, 3).join(', ');
        const more = blind.length > 3 ? ` and ${blind.length - 3} more` : '';
        say(
          'TUL216',
          origin,
          `"${destination.host}" is not exported to ${some}${more}, where this route is followed: requests from there are answered with 503`,
        );
      }
    }
  },
};
