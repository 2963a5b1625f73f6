import type { Host } from '../cluster.ts';
import type { LoadBalancerFactory } from './load-balancer.ts';
import { hostAt } from './load-balancer.ts';
import { hashText, mixBits } from './hash.ts';

/** Envoy's default table size: prime, so that every host's walk visits the whole table. */
export const MAGLEV_TABLE_SIZE = 65_537;

interface Walk {
  readonly owner: number;
  readonly weight: number;
  position: number;
  readonly skip: number;
  /** Weight that the host has been served up to. */
  target: number;
}

function walks(hosts: readonly Host[], size: number): Walk[] {
  return hosts.map((host, owner) => ({
    owner,
    weight: host.weight,
    position: hashText(host.key) % size,
    skip: (hashText(host.key, 1) % (size - 1)) + 1,
    target: 0,
  }));
}

/** Eisenbud et al., "Maglev", section 3.4; with weights, a host takes its turn in the share of its weight. */
function buildTable(hosts: readonly Host[], size: number): Uint32Array {
  const heaviest = Math.max(...hosts.map((host) => host.weight));
  const table = new Uint32Array(size).fill(hosts.length);
  const all = walks(hosts, size);
  let filled = 0;
  for (let round = 1; filled < size; round++) {
    for (const walk of all) {
      if (filled === size) break;
      if (round * walk.weight < walk.target) continue;
      walk.target += heaviest;
      while (table[walk.position] !== hosts.length) walk.position = (walk.position + walk.skip) % size;
      table[walk.position] = walk.owner;
      filled++;
    }
  }
  return table;
}

/** Consistent hashing by a table: evener than a ring, and one look-up a choice. Envoy: MAGLEV. */
export function maglev(tableSize: number): LoadBalancerFactory {
  return (hosts, random) => {
    const table = buildTable(hosts, tableSize);
    return {
      pick(hash, attempt) {
        const key = hash === undefined ? Math.floor(random() * 0x1_0000_0000) : mixBits(hash);
        const at = attempt === 0 ? key : mixBits(key + attempt);
        return hostAt(hosts, table[at % table.length] ?? 0);
      },
    };
  };
}
