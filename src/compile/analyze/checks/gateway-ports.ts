/** Ports of Gateways that the Service of their workload does not have. */
import { selects } from '../../../model/match.ts';
import type { Check } from '../finding.ts';

export const gatewayPorts: Check = {
  name: 'gateway-ports',
  looksAt: ['Gateway', 'Service', 'Workload'],
  codes: ['IST0162'],
  run(world, say) {
    for (const { selector, servers } of world.mesh.gateways) {
      const addresses = world.targets
        .filter(({ isGateway, labels }) => isGateway && selects(selector, labels))
        .flatMap((target) => target.addresses);
      const services = world.mesh.services.filter(({ endpoints }) => endpoints.some(({ address }) => addresses.includes(address)));
      if (services.length === 0) continue;
      const numbers = new Set(services.flatMap(({ ports }) => ports.map(({ number }) => number)));
      // a Gateway may name the port that the Service leads to
      const targets = new Set(services.flatMap(({ endpoints }) => endpoints.flatMap(({ ports }) => Object.values(ports))));
      for (const { port, origin } of servers) {
        if (numbers.has(port.number) || targets.has(port.number)) continue;
        const names = services.map(({ namespace, name }) => `${namespace}/${name}`).join(', ');
        say(
          'IST0162',
          world.documents.placeOf(origin, 'port.number'),
          `Service ${names} has no port ${port.number} (it has ${[...numbers].join(', ')}): nobody reaches the port through it`,
        );
      }
    }
  },
};
