import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesAsText, combineHashes, type Hash64, moduloOf, xxHash64 } from './hash64.ts';
import { mersenneTwister } from './mersenne-twister.ts';
import { murmurHash2 } from './murmur-hash2.ts';

const MASK = 0xffff_ffff_ffff_ffffn;
const P = [0n, 0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn, 0x165667b19e3779f9n, 0x85ebca77c2b2ae63n, 0x27d4eb2f165667c5n];
const prime = (i: number): bigint => P[i] ?? 0n;
const rotated = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (64n - bits))) & MASK;
const rounded = (acc: bigint, lane: bigint): bigint => (rotated((acc + lane * prime(2)) & MASK, 31n) * prime(1)) & MASK;

/** The specification, word for word. */
function slowXxHash64(bytes: Buffer, seed: bigint): bigint {
  let at = 0;
  let hash = (seed + prime(5)) & MASK;
  if (bytes.length >= 32) {
    const lanes = [seed + prime(1) + prime(2), seed + prime(2), seed, seed - prime(1)].map((lane) => lane & MASK);
    for (; at + 32 <= bytes.length; at += 32) lanes.forEach((lane, i) => (lanes[i] = rounded(lane, bytes.readBigUInt64LE(at + 8 * i))));
    hash = [1n, 7n, 12n, 18n].reduce((sum, bits, i) => (sum + rotated(lanes[i] ?? 0n, bits)) & MASK, 0n);
    for (const lane of lanes) hash = ((hash ^ rounded(0n, lane)) * prime(1) + prime(4)) & MASK;
  }
  hash = (hash + BigInt(bytes.length)) & MASK;
  for (; at + 8 <= bytes.length; at += 8) hash = (rotated(hash ^ rounded(0n, bytes.readBigUInt64LE(at)), 27n) * prime(1) + prime(4)) & MASK;
  if (at + 4 <= bytes.length) {
    hash = (rotated(hash ^ ((BigInt(bytes.readUInt32LE(at)) * prime(1)) & MASK), 23n) * prime(2) + prime(3)) & MASK;
    at += 4;
  }
  for (; at < bytes.length; at++) hash = (rotated(hash ^ ((BigInt(bytes[at] ?? 0) * prime(5)) & MASK), 11n) * prime(1)) & MASK;
  hash = ((hash ^ (hash >> 33n)) * prime(2)) & MASK;
  hash = ((hash ^ (hash >> 29n)) * prime(3)) & MASK;
  return hash ^ (hash >> 32n);
}

const whole = ({ high, low }: Hash64): bigint => (BigInt(high) << 32n) | BigInt(low);
const halves = (value: bigint): Hash64 => ({ high: Number(value >> 32n), low: Number(value & 0xffff_ffffn) });
const any64 = fc.bigInt({ min: 0n, max: MASK });

test('xxHash64 is the specification, for bytes of every length and any seed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), any64, (bytes, seed) => {
      const buffer = Buffer.from(bytes);
      assert.equal(whole(xxHash64(buffer.toString('latin1'), halves(seed))), slowXxHash64(buffer, seed));
    }),
    { numRuns: 500 },
  );
});

test('known hashes', () => {
  assert.equal(whole(xxHash64('')), 0xef46_db37_51d8_e999n);
  assert.equal(whole(xxHash64('a')), 0xd24e_c4f1_a98c_6e5bn);
  assert.equal(whole(xxHash64('Nobody inspects the spammish repetition')), 0xfbce_a83c_8a37_8bf1n);
  // std::hash<std::string> of libstdc++ on 64 bits
  assert.equal(whole(murmurHash2('')), 6_142_509_188_972_423_790n);
  assert.equal(whole(murmurHash2('foo')), 9_631_199_822_919_835_226n);
});

test('MT19937 gives the numbers of its authors', () => {
  const next = mersenneTwister(5489);
  assert.deepEqual([next(), next(), next()], [3_499_211_612, 581_869_302, 3_890_346_734]);
  for (let i = 4; i < 10_000; i++) next();
  assert.equal(next(), 4_123_659_995);
});

test('arithmetic on halves', () => {
  fc.assert(
    fc.property(any64, any64, fc.integer({ min: 1, max: 5_000_011 }), (a, b, divisor) => {
      assert.equal(moduloOf(halves(a), divisor), Number(a % BigInt(divisor)));
      assert.equal(whole(combineHashes(halves(a), halves(b))), rotated(a, 1n) ^ b);
    }),
  );
  assert.equal(bytesAsText('plain'), 'plain');
  assert.equal(bytesAsText('é'), '\xc3\xa9');
});
