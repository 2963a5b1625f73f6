/** Connections that are to go to the address that was dialled, where that is one of the mesh's own. */
import { isVirtual } from '../../dialects/build/virtual-addresses.ts';
import type { Check } from '../finding.ts';
import { policyBlocks } from '../routes.ts';

export const passthroughBalancers: Check = {
  name: 'passthrough-balancers',
  looksAt: ['DestinationRule', 'Service', 'ServiceEntry'],
  codes: ['TUL238'],
  run(world, say) {
    for (const rule of world.mesh.destinationPolicies) {
      const service = world.servicesOf(rule.host).find(({ addresses }) => addresses.some(isVirtual));
      if (service === undefined) continue;
      for (const { policy } of policyBlocks(rule)) {
        const { loadBalancer: balancer } = policy;
        if (balancer?.kind !== 'simple' || balancer.policy !== 'PASSTHROUGH') continue;
        const address = service.addresses.find(isVirtual);
        const message = `clients of "${service.hostname}" dial ${address}, which stands for it and is nobody's: passed through, their calls reach nobody`;
        say('TUL238', world.documents.placeOf(policy.origin, 'loadBalancer.simple'), message);
      }
    }
  },
};
