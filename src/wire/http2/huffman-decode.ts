/**
 * Huffman decoding of HPACK strings (RFC 7541 section 5.2). Twelve bits are looked up at a time, which is mostly two
 * characters; codes that are longer, of `~`, `^`, `}`, `<` and what is not ASCII, go by the rule of canonical codes.
 */
import { CODE_BITS, CODES, EOS, MAX_CODE_BITS, SYMBOLS_IN_ORDER } from './huffman-code.ts';

const LOOKUP_BITS = 12;
const LOOKUP_MASK = (1 << LOOKUP_BITS) - 1;

/**
 * What twelve bits begin with: in four bits how many of them are whole codes, in the next two how many codes (0: the
 * first is longer than twelve), then each one's symbol in eight.
 */
const LOOKUP = lookupTable();

function lookupTable(): Uint32Array {
  const single = new Uint32Array(1 << LOOKUP_BITS);
  for (const symbol of SYMBOLS_IN_ORDER) {
    const bits = CODE_BITS[symbol] ?? 0;
    if (bits > LOOKUP_BITS) break;
    const from = (CODES[symbol] ?? 0) << (LOOKUP_BITS - bits);
    single.fill(bits | (1 << 4) | (symbol << 6), from, from + (1 << (LOOKUP_BITS - bits)));
  }
  return single.map((first, value) => {
    // What is behind the first code, with zeros behind it: a second code is whole if it ends before those.
    const second = first === 0 ? 0 : (single[(value << (first & 15)) & LOOKUP_MASK] ?? 0);
    const bits = (first & 15) + (second & 15);
    if (second === 0 || bits > LOOKUP_BITS) return first;
    return bits | (2 << 4) | (first & 0x3fc0) | ((second >>> 6) << 14);
  });
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

/** Room for what so many bytes decode to: no code is shorter than five bits, and a second character may be written in vain. */
export function roomToDecode(bytes: number): number {
  return Math.floor((bytes * 8) / 5) + 1;
}

/** Symbol and, below it in five bits, length of the code at bit `from`; bits from bit `end` on are ones, as padding is. */
function codeAt(bytes: Uint8Array, from: number, end: number): number {
  let code = 0;
  for (let bits = 1; bits <= MAX_CODE_BITS; bits++) {
    const at = from + bits - 1;
    code = (code << 1) | (at >= end ? 1 : ((bytes[at >> 3] ?? 0) >> (7 - (at & 7))) & 1);
    const place = code - (FIRST_CODE[bits] ?? 0);
    if (place >= 0 && place < (COUNT[bits] ?? 0)) return ((SYMBOLS_IN_ORDER[(FIRST_PLACE[bits] ?? 0) + place] ?? EOS) << 5) | bits;
  }
  return (EOS << 5) | MAX_CODE_BITS;
}

/**
 * Decodes `bytes` from `start` to `end` into `out`, which has `roomToDecode` of them. Gives how many characters there
 * are; -1 where EOS is coded, or where the last byte is not filled with fewer than eight ones.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  let count = 0;
  let held = 0;
  let heldBits = 0;
  let at = start;
  for (;;) {
    if (heldBits < LOOKUP_BITS) {
      if (at + 1 >= end) break;
      held = (held << 16) | ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      heldBits += 16;
      at += 2;
    }
    const found = LOOKUP[(held >>> (heldBits - LOOKUP_BITS)) & LOOKUP_MASK] ?? 0;
    if (found === 0) {
      const from = at * 8 - heldBits;
      const long = codeAt(bytes, from, end * 8);
      const next = from + (long & 31);
      if (long >>> 5 === EOS || next > end * 8) return -1;
      out[count++] = long >>> 5;
      // What is held is read again from behind the code.
      at = (next + 7) >> 3;
      heldBits = at * 8 - next;
      held = bytes[at - 1] ?? 0;
      continue;
    }
    out[count] = (found >>> 6) & 0xff;
    out[count + 1] = found >>> 14;
    count += (found >>> 4) & 3;
    heldBits -= found & 15;
  }
  return decodeEnd(bytes, at * 8 - heldBits, end * 8, out, count);
}

/** The last codes of a string, from bit `from` on, and what fills its last byte. */
function decodeEnd(bytes: Uint8Array, from: number, end: number, out: Uint8Array, decoded: number): number {
  let count = decoded;
  let at = from;
  while (at < end) {
    const found = codeAt(bytes, at, end);
    const next = at + (found & 31);
    // Ones alone are the beginning of EOS and of no other code that would fit.
    if (next > end) return end - at < 8 && found >>> 5 === EOS ? count : -1;
    if (found >>> 5 === EOS) return -1;
    out[count++] = found >>> 5;
    at = next;
  }
  return count;
}
