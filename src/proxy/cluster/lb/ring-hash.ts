import type { Host } from '../cluster.ts';
import { type Hash64, xxHash64 } from './hash64.ts';
import { hashingPolicy } from './hashing-policy.ts';
import { hashKeyOf } from './hash-keys.ts';
import { hostAt, type Policy } from './load-balancer.ts';
import { murmurHash2 } from './murmur-hash2.ts';

/** How consistent hashing takes hosts. Envoy: ConsistentHashingLbConfig. */
export interface HashingSettings {
  readonly usesHostname: boolean;
  /** Per cent of the average load that a host may have; 0: any. */
  readonly balanceFactor: number;
}

/** Envoy: RingHash. */
export interface RingSettings extends HashingSettings {
  /** Sizes of the ring, in entries. */
  readonly min: number;
  readonly max: number;
  readonly function: 'xx' | 'murmur2';
}

/** Envoy's `minimum_ring_size` and `maximum_ring_size`. */
export const DEFAULT_RING: RingSettings = { min: 1024, max: 8 * 1024 * 1024, function: 'xx', usesHostname: false, balanceFactor: 0 };

interface Ring {
  /** Ascending positions, in two halves. */
  readonly highs: Uint32Array;
  readonly lows: Uint32Array;
  /** For each position the index of its host. */
  readonly owners: Uint32Array;
}

interface Entry {
  readonly hash: Hash64;
  readonly owner: number;
}

/**
 * Entries in proportion to the weights, the lightest host having a whole number of them. How many in all so far is what
 * counts, as in Envoy, so that fractions do not add up.
 */
function ringEntries(hosts: readonly Host[], weights: readonly number[], settings: RingSettings): Entry[] {
  const lightest = Math.min(1, ...weights);
  const scale = Math.min(Math.ceil(lightest * settings.min) / lightest, settings.max);
  const hash = settings.function === 'xx' ? (text: string) => xxHash64(text) : murmurHash2;
  const entries: Entry[] = [];
  let target = 0;
  for (const [owner, host] of hosts.entries()) {
    const key = hashKeyOf(host, settings.usesHostname);
    target += scale * (weights[owner] ?? 0);
    for (let i = 0; entries.length < target; i++) entries.push({ hash: hash(`${key}_${i}`), owner });
  }
  return entries;
}

function buildRing(hosts: readonly Host[], weights: readonly number[], settings: RingSettings): Ring {
  const entries = ringEntries(hosts, weights, settings);
  entries.sort((a, b) => a.hash.high - b.hash.high || a.hash.low - b.hash.low);
  return {
    highs: Uint32Array.from(entries, ({ hash }) => hash.high),
    lows: Uint32Array.from(entries, ({ hash }) => hash.low),
    owners: Uint32Array.from(entries, ({ owner }) => owner),
  };
}

/** Index of the first position that is not below `hash`, or 0 past the end. */
function find({ highs, lows }: Ring, hash: Hash64): number {
  let from = 0;
  let to = highs.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const high = highs[middle] ?? 0;
    if (high < hash.high || (high === hash.high && (lows[middle] ?? 0) < hash.low)) from = middle + 1;
    else to = middle;
  }
  return from === highs.length ? 0 : from;
}

/**
 * Consistent hashing on a ring (ketama): when a host comes or goes, only its own share of the hashes moves. The ring is
 * Envoy's, entry by entry: a key goes to the same host from both. Envoy: RING_HASH.
 */
export function ringHash(settings: RingSettings = DEFAULT_RING): Policy {
  return hashingPolicy(settings.balanceFactor, (hosts, weights) => {
    const ring = buildRing(hosts, weights, settings);
    return (hash, attempt) => hostAt(hosts, ring.owners[(find(ring, hash) + attempt) % ring.owners.length] ?? 0);
  });
}
