/** Time and chance, handed in so that pure code stays pure and tests can turn them. */
export interface Clock {
  /** Milliseconds from a fixed point, never going back. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch. */
  wallMs(): number;
}

/** A uniform number in [0, 1). */
export type Random = () => number;

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};
