/** Rows of tables by what people type, and in the order that they choose. */

/** True where each word of `text` is in one of the values. */
export function matchesWords(text: string, values: readonly string[]): boolean {
  const all = values.join('\u0000').toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

/** Compares texts and numbers, each in their own order. */
export function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), 'en', { numeric: true });
}
