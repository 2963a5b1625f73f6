/** Destinations with several ports of which none is the one that was called. */
import type { Provenance } from '../../../model/provenance.ts';
import type { Destination, RouteSet } from '../../../model/route.ts';
import type { Check } from '../finding.ts';
import { forwards, virtualServices } from '../routes.ts';
import type { World } from '../world.ts';

/** Ports that traffic may come in by; undefined where that is not known. */
function calledPorts(set: RouteSet, world: World): readonly number[] | undefined {
  const gateways = world.mesh.gateways.filter(({ namespace, name }) => set.gateways.includes(`${namespace}/${name}`));
  const ports = gateways.flatMap(({ servers }) => servers.map(({ port }) => port.number));
  if (!set.gateways.includes('mesh')) return ports;
  const services = set.hosts.flatMap((host) => world.servicesOf(host));
  return services.length === 0 ? undefined : [...ports, ...services.flatMap((service) => service.ports.map(({ number }) => number))];
}

interface Leading {
  readonly destination: Destination;
  readonly origin: Provenance;
  /** Those of its matches; every match without one is for all ports. */
  readonly matches: readonly { readonly port: number | undefined }[];
  readonly effect: (ports: string) => string;
}

const ANSWERED = (ports: string): string => `requests that come in by port ${ports} are answered with 503`;
const NOT_MIRRORED = (ports: string): string => `requests that come in by port ${ports} are not mirrored`;
const CLOSED = (ports: string): string => `connections that come in by port ${ports} are closed`;

/** Everywhere that a route set leads to, and what happens where the way has no end. */
function leadingTo(set: RouteSet): readonly Leading[] {
  const http = set.http.flatMap((rule) => [
    ...forwards(rule).map((to) => ({ ...to, matches: rule.matches, effect: ANSWERED })),
    ...rule.mirrors.map(({ destination }) => ({ destination, origin: rule.origin, matches: rule.matches, effect: NOT_MIRRORED })),
  ]);
  const bytes = [...set.tls, ...set.tcp].flatMap(({ destinations, matches }) =>
    destinations.map(({ destination, origin }) => ({ destination, origin, matches, effect: CLOSED })),
  );
  return [...http, ...bytes];
}

/** Ports by which `matches` may be met. */
function matchedPorts(matches: Leading['matches'], called: readonly number[]): readonly number[] {
  return matches.length === 0 ? called : called.filter((own) => matches.some(({ port }) => port === undefined || port === own));
}

export const destinationPorts: Check = {
  name: 'destination-ports',
  looksAt: ['VirtualService', 'Service', 'Gateway'],
  codes: ['IST0112'],
  run(world, say) {
    for (const set of virtualServices(world)) {
      const called = calledPorts(set, world);
      if (called === undefined || called.length === 0) continue;
      for (const { destination, origin, matches, effect } of leadingTo(set)) {
        if (destination.port !== undefined) continue;
        const [service] = world.servicesOf(destination.host);
        if (service === undefined || service.ports.length < 2) continue;
        const numbers = service.ports.map(({ number }) => number);
        const missing = [...new Set(matchedPorts(matches, called).filter((port) => !numbers.includes(port)))];
        if (missing.length === 0) continue;
        const without = `"${destination.host}" has ports ${numbers.join(', ')} and none is named`;
        say('IST0112', origin, `${without}: ${effect(missing.join(', '))}`);
      }
    }
  },
};
