/** Hosts that no service has, or that are read otherwise than they look. */
import type { Provenance } from '../../../model/provenance.ts';
import { hostSpecificity } from '../../emit/hosts.ts';
import { didYouMean } from '../../schema/suggest.ts';
import type { Check, Say } from '../finding.ts';
import { destinationsOf, virtualServices } from '../routes.ts';
import type { World } from '../world.ts';

/** A service that a host seems to mean: of the same short name elsewhere, or whose name it begins. */
function meant(host: string, world: World): string | undefined {
  const { services, settings } = world.mesh;
  const suffix = `.svc.${settings.domainSuffix}`;
  const whole = host.endsWith('.svc') ? `${host}.${settings.domainSuffix}` : `${host}${suffix}`;
  if (services.some(({ hostname }) => hostname === whole)) return whole;
  const [name = ''] = host.split('.', 1);
  if (!host.endsWith(suffix)) return undefined;
  return services.find((service) => service.name === name && service.hostname.endsWith(suffix))?.hostname;
}

function isServed(host: string, world: World): boolean {
  if (!host.startsWith('*')) return world.servicesOf(host).length > 0;
  return world.mesh.services.some(({ hostname }) => hostSpecificity(host, hostname) >= 0 || hostSpecificity(hostname, host) >= 0);
}

/** Says what a host that nobody has was probably meant to be. */
function sayMeant(host: string, origin: Provenance, effect: string, world: World, say: Say): boolean {
  const other = host.startsWith('*') ? undefined : meant(host, world);
  if (other === undefined) return false;
  say('TUL219', origin, `this host is read as "${host}", which no service has; there is "${other}": ${effect}`, {
    hint: `Write ${other}.`,
  });
  return true;
}

function checkRules(world: World, say: Say): void {
  const hosts = world.mesh.services.map(({ hostname }) => hostname);
  let hints = 0;
  for (const { host, origin } of world.mesh.destinationPolicies) {
    if (isServed(host, world)) continue;
    const place = world.documents.placeOf(origin, 'spec.host');
    if (sayMeant(host, place, 'the rule does nothing', world, say)) continue;
    // each suggestion compares with every service
    const hint = hints++ < 5 ? didYouMean(host, hosts) : '';
    say('IST0174', place, `there is no service "${host}": the rule does nothing.${hint}`);
  }
}

/** Sidecars ask for rules by the service's name, so that one that none has is never asked for. */
function checkRouted(world: World, say: Say): void {
  for (const set of virtualServices(world)) {
    for (const [index, host] of set.hosts.entries()) {
      if (!set.gateways.includes('mesh') || isServed(host, world)) continue;
      sayMeant(host, world.documents.placeOf(set.origin, `spec.hosts[${index}]`), 'its calls are not routed by these rules', world, say);
    }
    for (const { destination, origin } of destinationsOf(set)) {
      if (world.servicesOf(destination.host).length > 0) continue;
      sayMeant(destination.host, origin, 'what is routed to it is answered with 503', world, say);
    }
  }
}

export const destinationHosts: Check = {
  name: 'destination-hosts',
  looksAt: ['DestinationRule', 'VirtualService', 'Service', 'ServiceEntry'],
  codes: ['IST0174', 'TUL219'],
  run(world, say) {
    checkRules(world, say);
    checkRouted(world, say);
  },
};
