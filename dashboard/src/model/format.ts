/** Numbers as people read them: few digits, a unit, and nothing where there is nothing. */

const NONE = '–';

function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1).replace(/\.0$/, '');
  return value.toFixed(2).replace(/\.?0+$/, '');
}

function scaled(value: number, units: readonly string[], base: number): string {
  let rest = value;
  let unit = 0;
  while (rest >= base && unit < units.length - 1) {
    rest /= base;
    unit += 1;
  }
  return `${digits(rest)}${units[unit] ?? ''}`;
}

/** `12.4/s`. */
export function rateText(perSecond: number): string {
  if (perSecond <= 0) return NONE;
  return perSecond < 0.01 ? '<0.01/s' : `${scaled(perSecond, ['', 'k', 'M'], 1000)}/s`;
}

/** `3.1%` of a share from 0 to 1. */
export function shareText(share: number): string {
  if (share <= 0) return '0%';
  const percent = share * 100;
  if (percent < 0.01) return '<0.01%';
  return `${percent >= 99.95 && percent < 100 ? '99.9' : digits(Math.round(percent * 100) / 100)}%`;
}

/** `14 ms`, `1.2 s`. */
export function durationText(ms: number | null | undefined): string {
  if (ms === undefined || ms === null) return NONE;
  return ms < 1000 ? `${digits(ms)} ms` : `${digits(ms / 1000)} s`;
}

/** `1.4 kB/s`. */
export function bytesRateText(perSecond: number): string {
  return perSecond <= 0 ? NONE : `${scaled(perSecond, [' B', ' kB', ' MB', ' GB'], 1000)}/s`;
}

/** `18 MB`. */
export function bytesText(bytes: number): string {
  return scaled(bytes, [' B', ' kB', ' MB', ' GB'], 1000);
}

const YEAR_MS = 365.25 * 86_400_000;
const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const;

/** `3 h`, `12 d`: a length of time in its largest unit. */
export function spanText(ms: number): string {
  if (Math.abs(ms) >= 2 * YEAR_MS) return `${Math.floor(Math.abs(ms) / YEAR_MS)} years`;
  const [size, unit] = UNITS.find(([each]) => Math.abs(ms) >= each) ?? [1_000, 's'];
  return `${Math.floor(Math.abs(ms) / size)} ${unit}`;
}

/** `in 3 h`, `5 min ago`. */
export function whenText(atMs: number, nowMs: number): string {
  return atMs >= nowMs ? `in ${spanText(atMs - nowMs)}` : `${spanText(nowMs - atMs)} ago`;
}

/** `14:03:21.482`, by the clock of whoever looks. */
export function clockText(atMs: number): string {
  const at = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

/** A whole number with thin spaces between thousands. */
export function countText(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, '\u2009');
}
