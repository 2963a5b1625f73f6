import type { Host } from '../cluster.ts';
import { type Hash64, moduloOf, xxHash64 } from './hash64.ts';
import { hashingPolicy } from './hashing-policy.ts';
import { hashKeyOf } from './hash-keys.ts';
import { hostAt, type Policy } from './load-balancer.ts';
import type { HashingSettings } from './ring-hash.ts';

/** Envoy: Maglev. */
export interface MaglevSettings extends HashingSettings {
  /** Prime, so that every host's walk visits the whole table. */
  readonly tableSize: number;
}

/** Envoy's. */
export const DEFAULT_MAGLEV: MaglevSettings = { tableSize: 65_537, usesHostname: false, balanceFactor: 0 };

const SECOND_SEED: Hash64 = { high: 0, low: 1 };

interface Walk {
  readonly owner: number;
  readonly weight: number;
  position: number;
  readonly skip: number;
  /** Weight that the host has been served up to. */
  target: number;
}

/** The walks of all hosts, in the order of their keys, so that the order in which hosts are listed does not count. */
function walks(hosts: readonly Host[], weights: readonly number[], { tableSize, usesHostname }: MaglevSettings): Walk[] {
  const keyed = hosts.map((host, owner) => ({ owner, key: hashKeyOf(host, usesHostname) }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ owner, key }) => ({
    owner,
    weight: weights[owner] ?? 0,
    position: moduloOf(xxHash64(key), tableSize),
    skip: moduloOf(xxHash64(key, SECOND_SEED), tableSize - 1) + 1,
    target: 0,
  }));
}

/** Eisenbud et al., "Maglev", section 3.4; with weights, a host takes its turn in the share of its weight. */
function buildTable(hosts: readonly Host[], weights: readonly number[], settings: MaglevSettings): Uint16Array | Uint32Array {
  const { tableSize } = settings;
  const heaviest = Math.max(...weights);
  const nobody = hosts.length;
  const table = (nobody < 0x1_0000 ? new Uint16Array(tableSize) : new Uint32Array(tableSize)).fill(nobody);
  const all = walks(hosts, weights, settings);
  let filled = 0;
  for (let round = 1; filled < tableSize; round++) {
    for (const walk of all) {
      if (filled === tableSize) break;
      if (round * walk.weight < walk.target) continue;
      walk.target += heaviest;
      while (table[walk.position] !== nobody) walk.position = (walk.position + walk.skip) % tableSize;
      table[walk.position] = walk.owner;
      filled++;
    }
  }
  return table;
}

/** The hash of a later attempt: all its upper bits turned, so that it lands elsewhere. */
function turned({ high, low }: Hash64, attempt: number): Hash64 {
  return { high: ~high >>> 0, low: (low ^ -attempt) >>> 0 };
}

/**
 * Consistent hashing by a table: evener than a ring, and one look-up a choice. The table is Envoy's, entry by entry: a
 * key goes to the same host from both. Envoy: MAGLEV.
 */
export function maglev(settings: MaglevSettings = DEFAULT_MAGLEV): Policy {
  return hashingPolicy(settings.balanceFactor, (hosts, weights) => {
    const table = buildTable(hosts, weights, settings);
    return (hash, attempt) => hostAt(hosts, table[moduloOf(attempt === 0 ? hash : turned(hash, attempt), table.length)] ?? 0);
  });
}
