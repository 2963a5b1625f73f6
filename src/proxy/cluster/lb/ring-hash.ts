import type { Host } from '../cluster.ts';
import type { LoadBalancerFactory } from './load-balancer.ts';
import { hostAt } from './load-balancer.ts';
import { hashText, mixBits } from './hash.ts';

/** Sizes of the ring, in entries; Envoy's `minimum_ring_size` (1024) and `maximum_ring_size` (8 Mi). */
export interface RingSize {
  readonly min: number;
  readonly max: number;
}

interface Ring {
  /** Ascending positions. */
  readonly positions: Uint32Array;
  /** For each position the index of its host. */
  readonly owners: Uint32Array;
}

/** Entries for each host: whole numbers in proportion to the weights, at least one each. */
function entriesPerHost(hosts: readonly Host[], size: RingSize): number[] {
  const total = hosts.reduce((sum, host) => sum + host.weight, 0);
  const smallest = Math.min(...hosts.map((host) => host.weight)) / total;
  const scale = Math.min(Math.ceil(smallest * size.min) / smallest, size.max);
  return hosts.map((host) => Math.max(1, Math.round((host.weight / total) * scale)));
}

function buildRing(hosts: readonly Host[], size: RingSize): Ring {
  const entries: { position: number; owner: number }[] = [];
  for (const [owner, count] of entriesPerHost(hosts, size).entries()) {
    const key = hostAt(hosts, owner).key;
    for (let i = 0; i < count; i++) entries.push({ position: hashText(`${key}_${i}`), owner });
  }
  entries.sort((a, b) => a.position - b.position || a.owner - b.owner);
  return {
    positions: Uint32Array.from(entries, (entry) => entry.position),
    owners: Uint32Array.from(entries, (entry) => entry.owner),
  };
}

/** Index of the first position that is not below `hash`, or 0 past the end. */
function find(positions: Uint32Array, hash: number): number {
  let low = 0;
  let high = positions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((positions[middle] ?? 0) < hash) low = middle + 1;
    else high = middle;
  }
  return low === positions.length ? 0 : low;
}

/**
 * Consistent hashing on a ring: when a host comes or goes, only its own share of the hashes moves. The hash function
 * is ours, so hashes land on other hosts than Envoy's would. Envoy: RING_HASH.
 */
export function ringHash(size: RingSize): LoadBalancerFactory {
  return (hosts, random) => {
    const ring = buildRing(hosts, size);
    return {
      pick(hash, attempt) {
        const at = find(ring.positions, hash === undefined ? Math.floor(random() * 0x1_0000_0000) : mixBits(hash));
        return hostAt(hosts, ring.owners[(at + attempt) % ring.owners.length] ?? 0);
      },
    };
  };
}
