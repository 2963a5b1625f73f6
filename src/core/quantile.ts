/** Quantiles of histograms, as Prometheus' `histogram_quantile` interpolates them. */

/**
 * The value below which the share `q` (0 to 1) of observations lies. `counts` has the observations of each bucket, by
 * itself, and one more for those above the last of `bounds`, which count as that bound. Undefined without observations.
 */
export function quantileOf(bounds: readonly number[], counts: ArrayLike<number>, q: number): number | undefined {
  let total = 0;
  for (let i = 0; i <= bounds.length; i++) total += counts[i] ?? 0;
  if (total === 0) return undefined;
  const rank = q * total;
  let below = 0;
  for (let i = 0; i < bounds.length; i++) {
    const inBucket = counts[i] ?? 0;
    if (inBucket > 0 && below + inBucket >= rank) {
      const low = i === 0 ? 0 : (bounds[i - 1] ?? 0);
      return low + ((bounds[i] ?? low) - low) * Math.max(0, (rank - below) / inBucket);
    }
    below += inBucket;
  }
  return bounds.at(-1);
}
