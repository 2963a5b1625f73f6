/** Ports whose protocol nobody declared. */
import type { Check } from '../finding.ts';

export const servicePorts: Check = {
  name: 'service-ports',
  looksAt: ['Service', 'ServiceEntry'],
  codes: ['IST0118'],
  run(world, say) {
    for (const { ports, hostname } of world.mesh.services) {
      for (const { protocol, name, number, origin } of ports) {
        if (protocol !== 'auto') continue;
        const named = name === '' ? 'has no name' : `is called "${name}"`;
        say(
          'IST0118',
          origin,
          `port ${number} of "${hostname}" ${named}, which names no protocol: proxies look at the first bytes of each connection`,
        );
      }
    }
  },
};
