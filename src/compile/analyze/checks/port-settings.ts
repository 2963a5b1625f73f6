/** portLevelSettings of DestinationRules for ports that no service of the host has. */
import type { Service } from '../../../model/service.ts';
import type { Check } from '../finding.ts';
import { policyBlocks } from '../routes.ts';
import type { World } from '../world.ts';
import { hostSpecificity } from '../../emit/hosts.ts';

/** Ports of whatever the rule is for; none where nothing is known of it. */
function portsOf(host: string, world: World): ReadonlySet<number> {
  const isOf = ({ hostname }: Service): boolean => hostSpecificity(host, hostname) >= 0;
  const services = host.startsWith('*') ? world.mesh.services.filter(isOf) : world.servicesOf(host);
  return new Set(services.flatMap(({ ports }) => ports.map(({ number }) => number)));
}

export const portSettings: Check = {
  name: 'port-settings',
  looksAt: ['DestinationRule', 'Service', 'ServiceEntry'],
  codes: ['TUL237'],
  run(world, say) {
    for (const rule of world.mesh.destinationPolicies) {
      const known = portsOf(rule.host, world);
      if (known.size === 0) continue;
      for (const { policy, port } of policyBlocks(rule)) {
        if (port === undefined || known.has(port)) continue;
        const has = [...known].toSorted((a, b) => a - b).join(', ');
        say('TUL237', policy.origin, `"${rule.host}" has no port ${port} (it has ${has}): these settings are for no connection`);
      }
    }
  },
};
