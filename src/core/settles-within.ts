/** Waits for what may never come. */

/** Resolves when `promise` has settled, or after `timeMs` (milliseconds): true where it came to its end in time. */
export async function settlesWithin(promise: Promise<unknown>, timeMs: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timeMs);
  const settled = promise.then(
    () => true,
    () => true,
  );
  const isInTime = await Promise.race([settled, late]);
  clearTimeout(timer);
  return isInTime;
}
