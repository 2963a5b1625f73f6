/** Destinations with several ports of which none is the one that was called. */
import type { RouteSet } from '../../../model/route.ts';
import type { Check } from '../finding.ts';
import { forwards, virtualServices } from '../routes.ts';
import type { World } from '../world.ts';

/** Ports that requests may come in by; undefined where that is not known. */
function calledPorts(set: RouteSet, world: World): readonly number[] | undefined {
  const gateways = world.mesh.gateways.filter(({ namespace, name }) => set.gateways.includes(`${namespace}/${name}`));
  const ports = gateways.flatMap(({ servers }) => servers.map(({ port }) => port.number));
  if (!set.gateways.includes('mesh')) return ports;
  const services = set.hosts.flatMap((host) => world.servicesOf(host));
  return services.length === 0 ? undefined : [...ports, ...services.flatMap((service) => service.ports.map(({ number }) => number))];
}

export const destinationPorts: Check = {
  name: 'destination-ports',
  looksAt: ['VirtualService', 'Service', 'Gateway'],
  codes: ['IST0112'],
  run(world, say) {
    for (const set of virtualServices(world)) {
      const called = calledPorts(set, world);
      if (called === undefined || called.length === 0) continue;
      for (const { destination, origin } of set.http.flatMap(forwards)) {
        if (destination.port !== undefined) continue;
        const [service] = world.servicesOf(destination.host);
        if (service === undefined || service.ports.length < 2) continue;
        const numbers = service.ports.map(({ number }) => number);
        const missing = [...new Set(called.filter((port) => !numbers.includes(port)))];
        if (missing.length === 0) continue;
        const message = `"${destination.host}" has ports ${numbers.join(', ')} and none is named: requests that come in by port ${missing.join(', ')} are answered with 503`;
        say('IST0112', origin, message);
      }
    }
  },
};
