/** Ports of portLevelMtls that no workload has: mostly the Service's where the workload's own is meant. */
import type { Check } from '../finding.ts';

export const peerAuthenticationPorts: Check = {
  name: 'peer-authentication-ports',
  looksAt: ['PeerAuthentication', 'Service', 'Workload'],
  codes: ['TUL223'],
  run(world, say) {
    for (const { namespace, selector, ports, origin } of world.mesh.peerAuthentications) {
      const own = world.targetsOf(namespace, selector).filter((target) => target.namespace === namespace);
      if (own.length === 0 || own.some(({ known }) => known.size === 0)) continue;
      const numbers = new Set(own.flatMap(({ known }) => [...known.keys()]));
      for (const port of ports.keys()) {
        if (numbers.has(port)) continue;
        const place = world.documents.placeOf(origin, `spec.portLevelMtls.${port}`);
        const has = [...numbers].toSorted((a, b) => a - b).join(', ');
        say(
          'TUL223',
          place,
          `no selected workload has port ${port} (they have ${has}): the mode that counts for their ports is that of the whole workload`,
        );
      }
    }
  },
};
