/**
 * Huffman decoding of HPACK strings (RFC 7541 section 5.2). Ten bits are looked up at a time: every character that
 * heads are made of has a code of at most ten bits but `'`, `+`, `|`, `#`, `>`, `$`, `@`, `[`, `]`, `~` and a few more,
 * which go by the rule of canonical codes. 2 ns a character (bench/hpack.ts), and a table of 2 KiB.
 */
import { CODE_BITS, CODES, EOS, MAX_CODE_BITS, SYMBOLS_IN_ORDER } from './huffman-code.ts';

const FAST_BITS = 10;
const FAST_MASK = (1 << FAST_BITS) - 1;

/** For the next ten bits: symbol and, below it in four bits, how many of the ten are its code; 0 for a longer code. */
const FAST = fastTable();

function fastTable(): Uint16Array {
  const table = new Uint16Array(1 << FAST_BITS);
  for (const [symbol, bits] of CODE_BITS.entries()) {
    if (bits > FAST_BITS) continue;
    const from = (CODES[symbol] ?? 0) << (FAST_BITS - bits);
    table.fill((symbol << 4) | bits, from, from + (1 << (FAST_BITS - bits)));
  }
  return table;
}

/** First code of each length, and its place among the symbols in order; the count of a length without codes is 0. */
const FIRST_CODE = new Uint32Array(MAX_CODE_BITS + 1);
const FIRST_PLACE = new Uint16Array(MAX_CODE_BITS + 1);
const COUNT = new Uint16Array(MAX_CODE_BITS + 1);
for (const [place, symbol] of SYMBOLS_IN_ORDER.entries()) {
  const bits = CODE_BITS[symbol] ?? 0;
  if (COUNT[bits] === 0) {
    FIRST_CODE[bits] = CODES[symbol] ?? 0;
    FIRST_PLACE[bits] = place;
  }
  COUNT[bits] = (COUNT[bits] ?? 0) + 1;
}

/** The most characters that so many bytes can hold: no code is shorter than five bits. */
export function mostCharacters(bytes: number): number {
  return Math.floor((bytes * 8) / 5);
}

/** `length` bits from bit `from` of `bytes`; bits from bit `end` on are ones, as padding is. */
function bitsAt(bytes: Uint8Array, from: number, length: number, end: number): number {
  let value = 0;
  for (let bit = from; bit < from + length; bit++) {
    const one = bit >= end ? 1 : ((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
    value = (value << 1) | one;
  }
  return value;
}

/** Symbol and, below it in five bits, length of the code longer than ten bits at bit `from`. */
function longCode(bytes: Uint8Array, from: number, end: number): number {
  let code = bitsAt(bytes, from, FAST_BITS, end);
  for (let bits = FAST_BITS + 1; bits <= MAX_CODE_BITS; bits++) {
    code = (code << 1) | bitsAt(bytes, from + bits - 1, 1, end);
    const place = code - (FIRST_CODE[bits] ?? 0);
    if (place >= 0 && place < (COUNT[bits] ?? 0)) return ((SYMBOLS_IN_ORDER[(FIRST_PLACE[bits] ?? 0) + place] ?? EOS) << 5) | bits;
  }
  return (EOS << 5) | MAX_CODE_BITS;
}

/**
 * Decodes `bytes` from `start` to `end` into `out`, which has room for `mostCharacters` of them. Gives how many
 * characters there are; -1 where EOS is coded, or where the last byte is not filled with fewer than eight ones.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let count = 0;
  let held = 0;
  let heldBits = 0;
  let at = start;
  for (;;) {
    while (heldBits <= 16 && at < end) {
      held = (held << 8) | (bytes[at++] ?? 0);
      heldBits += 8;
    }
    if (heldBits < 5) break;
    // Where fewer than ten are left, ones follow, as they would in padding.
    const next = heldBits >= FAST_BITS ? held >>> (heldBits - FAST_BITS) : (held << (FAST_BITS - heldBits)) | (FAST_MASK >>> heldBits);
    const found = FAST[next & FAST_MASK] ?? 0;
    const bits = found & 15;
    if (found !== 0 && bits <= heldBits) {
      out[count++] = found >>> 4;
      heldBits -= bits;
      continue;
    }
    if (at === end && heldBits < 8) break;
    const from = at * 8 - heldBits;
    const long = longCode(bytes, from, end * 8);
    const longBits = long & 31;
    const symbol = long >>> 5;
    if (symbol === EOS || from + longBits > end * 8) return -1;
    out[count++] = symbol;
    // What is held is read again from behind the code.
    at = (from + longBits) >> 3;
    heldBits = 0;
    held = 0;
    if (((from + longBits) & 7) !== 0) {
      heldBits = 8 - ((from + longBits) & 7);
      held = bytes[at++] ?? 0;
    }
  }
  const mask = (1 << heldBits) - 1;
  return (held & mask) === mask ? count : -1;
}
