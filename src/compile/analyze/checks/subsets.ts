/** Subsets that no endpoint belongs to, or that no route leads to. */
import { selects } from '../../../model/match.ts';
import type { Endpoint } from '../../../model/service.ts';
import { describeSelector } from '../../dialects/build/check-policies.ts';
import type { Check } from '../finding.ts';
import { destinationsOf } from '../routes.ts';
import type { World } from '../world.ts';

/** Endpoints of the host; none where it is a wildcard, or nothing is known of what serves it. */
function endpointsOf(host: string, world: World): readonly Endpoint[] {
  return host.startsWith('*') ? [] : world.servicesOf(host).flatMap(({ endpoints }) => endpoints);
}

function used({ mesh }: World): ReadonlySet<string> {
  const all = mesh.routes.flatMap(destinationsOf).map(({ destination }) => destination);
  return new Set(all.flatMap(({ host, subset }) => (subset === undefined ? [] : [`${host} ${subset}`])));
}

export const subsets: Check = {
  name: 'subsets',
  looksAt: ['DestinationRule', 'VirtualService', 'Workload', 'WorkloadEntry'],
  codes: ['IST0173', 'TUL217'],
  run(world, say) {
    const routed = used(world);
    for (const { host, subsets: own } of world.mesh.destinationPolicies) {
      const endpoints = endpointsOf(host, world);
      for (const { name, labels, origin } of own) {
        const isUsed = routed.has(`${host} ${name}`);
        const isServed = endpoints.length === 0 || endpoints.some((endpoint) => selects(labels, endpoint.labels));
        const without = `no endpoint of "${host}" has ${describeSelector(labels)}, which subset "${name}" asks for`;
        if (!isServed && isUsed) say('IST0173', origin, `${without}: what is routed to it is answered with 503`);
        else if (!isServed) say('TUL217', origin, `no route leads to subset "${name}" of "${host}", and ${without}`);
        else if (!isUsed && !host.startsWith('*')) say('TUL217', origin, `no route leads to subset "${name}" of "${host}"`);
      }
    }
  },
};
