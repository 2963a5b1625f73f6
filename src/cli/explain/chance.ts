/** Everything that a number in [0, 1) decides, found by asking once in each interval that it may fall into. */

/** An outcome and how often it comes. */
export interface Share<T> {
  readonly share: number;
  readonly value: T;
}

/**
 * Asks `at` in the middle of each interval between `bounds`; outcomes with the same `key` are one. Their order is that of
 * their intervals.
 */
export function sweep<T>(bounds: readonly number[], at: (random: number) => T, key: (value: T) => unknown): Share<T>[] {
  const edges = [0, ...[...new Set(bounds)].filter((bound) => bound > 0 && bound < 1).toSorted((a, b) => a - b), 1];
  const found = new Map<unknown, Share<T>>();
  for (let i = 0; i + 1 < edges.length; i++) {
    const [from = 0, to = 1] = [edges[i], edges[i + 1]];
    const value = at((from + to) / 2);
    const known = found.get(key(value));
    found.set(key(value), { share: (known?.share ?? 0) + to - from, value: known?.value ?? value });
  }
  return [...found.values()];
}

/** Where the shares of weights end. */
export function boundsOf(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  return weights.map((weight) => (sum += weight) / total);
}

/** `10%`, `12.5%`. */
export function percent(share: number): string {
  return `${Math.round(share * 1000) / 10}%`;
}

/** Numbers in [0, 1) that are the same in every run (xorshift32). */
export function steadyRandom(): () => number {
  let state = 0x9e37_79b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
