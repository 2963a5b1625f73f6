/** Throws where an invariant of ours does not hold; never used on what a peer or a user sent. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
