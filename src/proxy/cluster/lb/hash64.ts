/**
 * 64-bit hashes without BigInt, which would cost ten times as much: xxHash64 (https://github.com/Cyan4973/xxHash,
 * doc/xxhash_spec.md), which Envoy hashes requests and hosts with, so that both put a key on the same host.
 *
 * Arithmetic goes through two registers of the module, one for each half, so that only the result is an object.
 */

/** A 64-bit value as two unsigned 32-bit halves. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

/** The registers: results of `multiply` and `add`. Signed: V8 keeps those without an object each, which halves the time of long keys (bench/balancing.ts). */
let high = 0;
let low = 0;

const P1H = 0x9e3779b1 | 0;
const P1L = 0x85ebca87 | 0;
const P2H = 0xc2b2ae3d | 0;
const P2L = 0x27d4eb4f | 0;
const P3H = 0x165667b1 | 0;
const P3L = 0x9e3779f9 | 0;
const P4H = 0x85ebca77 | 0;
const P4L = 0xc2b2ae63 | 0;
const P5H = 0x27d4eb2f | 0;
const P5L = 0x165667c5 | 0;

/** The upper half of the product of two unsigned 32-bit numbers, as a signed number. */
function upperProduct(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + (Math.imul(aLow, bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
}

/** registers = a * b */
function multiply(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  high = (upperProduct(aLow, bLow) + Math.imul(aHigh, bLow) + Math.imul(aLow, bHigh)) | 0;
  low = Math.imul(aLow, bLow);
}

/** registers = registers + a */
function add(aHigh: number, aLow: number): void {
  const sum = (low >>> 0) + (aLow >>> 0);
  high = (high + aHigh + (sum > 0xffff_ffff ? 1 : 0)) | 0;
  low = sum | 0;
}

/** registers = registers rotated left by less than 32 bits */
function rotate(bits: number): void {
  const former = high;
  high = (high << bits) | (low >>> (32 - bits));
  low = (low << bits) | (former >>> (32 - bits));
}

/** The four bytes of latin1 text at `at`, the first being the lowest. */
function word(text: string, at: number): number {
  return (
    (text.charCodeAt(at) & 0xff) |
    ((text.charCodeAt(at + 1) & 0xff) << 8) |
    ((text.charCodeAt(at + 2) & 0xff) << 16) |
    (text.charCodeAt(at + 3) << 24)
  );
}

/** registers = round(accumulator, lane) */
function round(accHigh: number, accLow: number, laneHigh: number, laneLow: number): void {
  multiply(laneHigh, laneLow, P2H, P2L);
  add(accHigh, accLow);
  rotate(31);
  multiply(high, low, P1H, P1L);
}

/** registers = registers merged with an accumulator */
function merge(accHigh: number, accLow: number): void {
  const formerHigh = high;
  const formerLow = low;
  round(0, 0, accHigh, accLow);
  multiply(high ^ formerHigh, low ^ formerLow, P1H, P1L);
  add(P4H, P4L);
}

/** Four accumulators, each its upper half and its lower half. */
const lanes = new Int32Array(8);

function setRegisters(newHigh: number, newLow: number): void {
  high = newHigh;
  low = newLow;
}

function storeLane(lane: number): void {
  lanes[2 * lane] = high;
  lanes[2 * lane + 1] = low;
}

function loadLane(lane: number): void {
  high = lanes[2 * lane] ?? 0;
  low = lanes[2 * lane + 1] ?? 0;
}

function beginLanes(seedHigh: number, seedLow: number): void {
  setRegisters(seedHigh, seedLow);
  storeLane(2);
  add(P2H, P2L);
  storeLane(1);
  add(P1H, P1L);
  storeLane(0);
  setRegisters(seedHigh, seedLow);
  // less the prime is plus its complement and one
  add(~P1H, ~P1L);
  add(0, 1);
  storeLane(3);
}

/** registers = an accumulator rotated, and a sum */
function joinLane(lane: number, bits: number, sumHigh: number, sumLow: number): void {
  loadLane(lane);
  rotate(bits);
  add(sumHigh, sumLow);
}

/** registers = the four accumulators over all whole stripes of 32 bytes */
function stripes(text: string, seedHigh: number, seedLow: number): void {
  beginLanes(seedHigh, seedLow);
  for (let at = 0; at + 32 <= text.length; at += 32) {
    for (let lane = 0; lane < 4; lane++) {
      const from = at + 8 * lane;
      round(lanes[2 * lane] ?? 0, lanes[2 * lane + 1] ?? 0, word(text, from + 4), word(text, from));
      storeLane(lane);
    }
  }
  joinLane(0, 1, 0, 0);
  joinLane(1, 7, high, low);
  joinLane(2, 12, high, low);
  joinLane(3, 18, high, low);
  for (let lane = 0; lane < 4; lane++) merge(lanes[2 * lane] ?? 0, lanes[2 * lane + 1] ?? 0);
}

/** registers = registers with the bytes after the last stripe mixed in */
function tail(text: string): void {
  let at = text.length & ~31;
  for (; at + 8 <= text.length; at += 8) {
    const formerHigh = high;
    const formerLow = low;
    round(0, 0, word(text, at + 4), word(text, at));
    high ^= formerHigh;
    low ^= formerLow;
    rotate(27);
    multiply(high, low, P1H, P1L);
    add(P4H, P4L);
  }
  if (at + 4 <= text.length) {
    const formerHigh = high;
    const formerLow = low;
    multiply(0, word(text, at), P1H, P1L);
    high ^= formerHigh;
    low ^= formerLow;
    rotate(23);
    multiply(high, low, P2H, P2L);
    add(P3H, P3L);
    at += 4;
  }
  for (; at < text.length; at++) {
    const formerHigh = high;
    const formerLow = low;
    multiply(0, text.charCodeAt(at) & 0xff, P5H, P5L);
    high ^= formerHigh;
    low ^= formerLow;
    rotate(11);
    multiply(high, low, P1H, P1L);
  }
}

/** Every bit of the input in every bit of the result. */
function avalanche(): void {
  low ^= high >>> 1;
  multiply(high, low, P2H, P2L);
  const former = high;
  high ^= former >>> 29;
  low ^= (low >>> 29) | (former << 3);
  multiply(high, low, P3H, P3L);
  low ^= high;
}

const ZERO: Hash64 = { high: 0, low: 0 };

/** xxHash64 of latin1 text: the low byte of every character. */
export function xxHash64(text: string, seed: Hash64 = ZERO): Hash64 {
  if (text.length >= 32) stripes(text, seed.high | 0, seed.low | 0);
  else {
    setRegisters(seed.high | 0, seed.low | 0);
    add(P5H, P5L);
  }
  add(0, text.length);
  tail(text);
  avalanche();
  return { high: high >>> 0, low: low >>> 0 };
}

/** `hash` modulo a divisor of at most 2^26, where the products stay exact. */
export function moduloOf(hash: Hash64, divisor: number): number {
  return ((hash.high % divisor) * (0x1_0000_0000 % divisor) + (hash.low % divisor)) % divisor;
}

/** Two hashes in one, the order counting: the former rotated left by one bit, so that equal ones do not cancel out. */
export function combineHashes(former: Hash64, next: Hash64): Hash64 {
  return {
    high: (((former.high << 1) | (former.low >>> 31)) ^ next.high) >>> 0,
    low: (((former.low << 1) | (former.high >>> 31)) ^ next.low) >>> 0,
  };
}

/** A hash for requests that have none. */
export function randomHash(random: () => number): Hash64 {
  return { high: Math.floor(random() * 0x1_0000_0000), low: Math.floor(random() * 0x1_0000_0000) };
}

/** Text as the latin1 text of its bytes in UTF-8, which is what hashes are made of. */
export function bytesAsText(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}
