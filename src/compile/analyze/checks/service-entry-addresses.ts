/** TCP of ServiceEntries that cannot be told from other TCP, having no address. */
import { isOpaque } from '../../../model/service.ts';
import type { Check } from '../finding.ts';

export const serviceEntryAddresses: Check = {
  name: 'service-entry-addresses',
  looksAt: ['ServiceEntry'],
  codes: ['IST0134'],
  run(world, say) {
    for (const { hostname, ports, addresses, origin, isHeadless } of world.mesh.services) {
      if (origin.kind !== 'ServiceEntry' || addresses.length > 0 || isHeadless) continue;
      for (const { number, protocol, origin: place } of ports) {
        if (!isOpaque(protocol) || protocol === 'tls' || protocol === 'https') continue;
        say('IST0134', place, `"${hostname}" has no address: every connection to port ${number}, wherever to, counts as its`);
      }
    }
  },
};
