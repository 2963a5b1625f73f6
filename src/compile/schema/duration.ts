const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const WHOLE = /^(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/;
const PART = /(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g;

/** Milliseconds of a span in Go's notation (`1h30m`, `0.5s`, `250ms`, `0`), or undefined where it is none. */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0;
  if (text.length > 64 || !WHOLE.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(PART)) totalMs += Number(amount) * (UNIT_MS[unit] ?? 0);
  return Number.isFinite(totalMs) ? totalMs : undefined;
}
