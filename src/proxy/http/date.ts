let cachedSecond = -1;
let cachedText = '';

/** The Date field's value (IMF-fixdate, RFC 9110 section 5.6.7) of a wall-clock time; formatted once a second. */
export function httpDate(wallMs: number): string {
  const second = Math.floor(wallMs / 1000);
  if (second !== cachedSecond) {
    cachedSecond = second;
    cachedText = new Date(second * 1000).toUTCString();
  }
  return cachedText;
}
