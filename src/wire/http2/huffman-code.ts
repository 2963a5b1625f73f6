/**
 * The Huffman code of HPACK (RFC 7541, appendix B). It is canonical: the lengths say all, codes of one length count up
 * in the order of their symbols, and each length goes on where the shorter one ended.
 */

/** End of string. It never occurs inside one; its first bits fill the last byte. */
export const EOS = 256;

/** Bits of each symbol's code, from symbol 0 to EOS. */
// prettier-ignore
export const CODE_BITS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];

export const MAX_CODE_BITS = 30;

/** Symbols in the order of their codes. */
export const SYMBOLS_IN_ORDER: readonly number[] = [...CODE_BITS.keys()].sort((a, b) => (CODE_BITS[a] ?? 0) - (CODE_BITS[b] ?? 0) || a - b);

/** Code of each symbol, in the low bits of a number. */
export const CODES: Uint32Array = codes();

function codes(): Uint32Array {
  const all = new Uint32Array(CODE_BITS.length);
  let next = 0;
  let bits = 0;
  for (const symbol of SYMBOLS_IN_ORDER) {
    const length = CODE_BITS[symbol] ?? 0;
    next <<= length - bits;
    bits = length;
    all[symbol] = next++;
  }
  return all;
}
