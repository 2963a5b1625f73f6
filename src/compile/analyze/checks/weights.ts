/** Shares that are missing, nothing, or no percentages. */
import type { WeightedDestination } from '../../../model/route.ts';
import type { Provenance } from '../../../model/provenance.ts';
import type { Check, Say } from '../finding.ts';
import { virtualServices } from '../routes.ts';
import type { World } from '../world.ts';

function checkShares(destinations: readonly WeightedDestination[], origin: Provenance, world: World, say: Say): void {
  if (destinations.length < 2) return;
  const sum = destinations.reduce((total, { weight }) => total + weight, 0);
  for (const { weight, destination, origin: place } of destinations) {
    if (weight !== 0 || world.documents.valueAt(place, 'weight') !== undefined) continue;
    const { host, subset } = destination;
    say('TUL215', place, `"${host}"${subset === undefined ? '' : ` subset "${subset}"`} has no weight beside others: it gets no traffic`);
  }
  if (sum === 100 || sum === 0) return;
  const shares = destinations.map(({ weight }) => `${weight} of ${sum} is ${Math.round((weight / sum) * 1000) / 10} %`);
  say('TUL214', origin, `the weights add up to ${sum}: ${shares.join(', ')}`);
}

export const weights: Check = {
  name: 'weights',
  looksAt: ['VirtualService'],
  codes: ['TUL214', 'TUL215'],
  run(world, say) {
    for (const { http, tls, tcp } of virtualServices(world)) {
      for (const { action, origin } of http) if (action.kind === 'forward') checkShares(action.destinations, origin, world, say);
      for (const { destinations, origin } of [...tls, ...tcp]) checkShares(destinations, origin, world, say);
    }
  },
};
