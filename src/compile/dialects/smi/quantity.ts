/** Kubernetes quantities (`2`, `0.5`, `500m`, `1k`, `1Ki`, `1e3`), which weights of TrafficSplit v1alpha1 are written as. */

const QUANTITY = /^\+?(?:(\d{1,30})(?:\.(\d{0,30}))?|\.(\d{1,30}))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?$/;

/** Powers of ten by suffix. */
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/** Powers of 1024 by suffix. */
const BINARY: Readonly<Record<string, number>> = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 };

/**
 * A quantity in thousandths: 500 for `500m`. Undefined for what is no quantity, is negative or finer than a
 * thousandth, or is too large to be counted exactly.
 */
export function parseThousandths(text: string): number | undefined {
  const found = QUANTITY.exec(text);
  if (found === null) return undefined;
  const [, whole = '', fraction = found[3] ?? '', , suffix = '', exponent = '0'] = found;
  const power = 3 - fraction.length + (DECIMAL[suffix] ?? 0) + Number(exponent);
  const digits = BigInt(whole + fraction) * 1024n ** BigInt(BINARY[suffix] ?? 0);
  const scale = 10n ** BigInt(Math.abs(power));
  if (power < 0 && digits % scale !== 0n) return undefined;
  const thousandths = Number(power < 0 ? digits / scale : digits * scale);
  return Number.isSafeInteger(thousandths) ? thousandths : undefined;
}
