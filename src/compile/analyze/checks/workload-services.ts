/** Services that share a port of a workload and do not agree on it. */
import type { Service, ServicePort } from '../../../model/service.ts';
import type { Check, Say } from '../finding.ts';
import type { Target } from '../world.ts';

interface Led {
  readonly service: Service;
  readonly port: ServicePort;
}

/** Services' ports by the workload's. */
function ledTo({ addresses }: Target, services: readonly Service[]): ReadonlyMap<number, readonly Led[]> {
  const all = services.flatMap((service) => {
    const endpoint = service.endpoints.find(({ address }) => addresses.includes(address));
    if (endpoint === undefined || service.origin.kind !== 'Service') return [];
    return service.ports.map((port) => ({ service, port, number: endpoint.ports[port.name] ?? port.number }));
  });
  return Map.groupBy(
    all.filter(({ number }) => number !== 0),
    ({ number }) => number,
  );
}

function checkPort(target: Target, number: number, led: readonly Led[], say: Say): void {
  const [first, ...others] = led;
  if (first === undefined) return;
  for (const { service, port } of others) {
    if (service.hostname === first.service.hostname) continue;
    const where = `port ${number} of workload ${target.namespace}/${target.name}`;
    const older = `Service ${first.service.namespace}/${first.service.name}`;
    if (port.protocol !== first.port.protocol) {
      say(
        'IST0116',
        port.origin,
        `${where} is ${port.protocol} here and ${first.port.protocol} in ${older}: its proxy reads all connections as ${first.port.protocol}`,
      );
    } else if (port.number !== first.port.number) {
      say(
        'IST0137',
        port.origin,
        `${where} is reached by port ${port.number} here and by ${first.port.number} of ${older}: inbound settings and metrics follow that one`,
      );
    }
  }
}

export const workloadServices: Check = {
  name: 'workload-services',
  looksAt: ['Service', 'Workload', 'Deployment'],
  codes: ['IST0116', 'IST0137'],
  run(world, say) {
    const byNamespace = Map.groupBy(world.mesh.services, ({ namespace }) => namespace);
    for (const target of world.targets) {
      const selecting = byNamespace.get(target.namespace) ?? [];
      for (const [number, led] of ledTo(target, selecting)) checkPort(target, number, led, say);
    }
  },
};
