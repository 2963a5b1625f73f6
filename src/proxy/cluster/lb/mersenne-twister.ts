/** Words of state, and how far apart those are that are combined. */
const WORDS = 624;
const DISTANCE = 397;

/**
 * MT19937 (Matsumoto and Nishimura, 1998): unsigned 32-bit numbers, the same for the same seed everywhere. Envoy shuffles
 * hosts by it where consistent hashing is bounded, so that all proxies pass a key on to the same next host.
 */
export function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(WORDS);
  const at = (i: number): number => state[i % WORDS] ?? 0;
  state[0] = seed;
  for (let i = 1; i < WORDS; i++) {
    const former = at(i - 1);
    state[i] = Math.imul(1_812_433_253, former ^ (former >>> 30)) + i;
  }
  let next = 0;
  return () => {
    // each word is made anew just before it is given out: it depends only on words that follow, as they are then
    const joined = (at(next) & 0x8000_0000) | (at(next + 1) & 0x7fff_ffff);
    const word = (at(next + DISTANCE) ^ (joined >>> 1) ^ ((joined & 1) === 0 ? 0 : 0x9908_b0df)) >>> 0;
    state[next] = word;
    next = (next + 1) % WORDS;
    let y = word ^ (word >>> 11);
    y ^= (y << 7) & 0x9d2c_5680;
    y ^= (y << 15) & 0xefc6_0000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}
