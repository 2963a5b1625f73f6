import type { Hash64 } from './hash64.ts';

const MASK = 0xffff_ffff_ffff_ffffn;
const MULTIPLIER = 0xc6a4_a793_5bd1_e995n;
/** Of std::hash in libstdc++, and so of Envoy's MURMUR_HASH_2. */
const SEED = 0xc70f_6907n;

const mix = (value: bigint): bigint => value ^ (value >> 47n);
const times = (value: bigint): bigint => (value * MULTIPLIER) & MASK;

/** The number in up to eight bytes of latin1 text, the first being the lowest. */
function load(text: string, from: number, to: number): bigint {
  let value = 0n;
  for (let at = to - 1; at >= from; at--) value = (value << 8n) | BigInt(text.charCodeAt(at) & 0xff);
  return value;
}

/**
 * MurmurHash2, 64 bits (public domain, A. Appleby), of latin1 text, as libstdc++ hashes strings. Only rings are built
 * with it, never a request hashed, so that BigInt is quick enough. Envoy: RingHash.hash_function MURMUR_HASH_2.
 */
export function murmurHash2(text: string): Hash64 {
  const whole = text.length & ~7;
  let hash = SEED ^ times(BigInt(text.length));
  for (let at = 0; at < whole; at += 8) hash = times(hash ^ times(mix(times(load(text, at, at + 8)))));
  if (whole < text.length) hash = times(hash ^ load(text, whole, text.length));
  hash = mix(times(mix(hash)));
  return { high: Number(hash >> 32n), low: Number(hash & 0xffff_ffffn) };
}
