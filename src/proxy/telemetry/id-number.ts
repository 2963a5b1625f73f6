/** What a request's id decides by: the number of its first eight hex digits. */

const DIGITS = 8;

/** The value of a hex digit's character code; -1 for anything else. */
function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/**
 * The number, below 2^32; NaN where the id does not begin with eight digits. By character codes: every request's sample is
 * decided by it, where a slice, a regular expression and parseInt took a quarter of a microsecond.
 */
export function numberOfId(id: string): number {
  if (id.length < DIGITS) return Number.NaN;
  let number = 0;
  for (let i = 0; i < DIGITS; i++) {
    const digit = digitOf(id.charCodeAt(i));
    if (digit < 0) return Number.NaN;
    number = number * 16 + digit;
  }
  return number;
}
