/** Integers and strings of HPACK (RFC 7541 section 5) as text, one byte a character. */
import { encodeHuffman, huffmanBytes } from './huffman-encode.ts';

const HUFFMAN_BIT = 0x80;

/** An integer whose first byte has `pattern` above its `prefixBits` lowest bits. */
function makeInteger(pattern: number, prefixBits: number, value: number): string {
  const most = (1 << prefixBits) - 1;
  if (value < most) return String.fromCharCode(pattern | value);
  let text = String.fromCharCode(pattern | most);
  let rest = value - most;
  while (rest >= 0x80) {
    text += String.fromCharCode((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return text + String.fromCharCode(rest);
}

const READY = 1024;
const LENGTHS: readonly string[] = Array.from({ length: READY }, (_, length) => makeInteger(0, 7, length));
const INDEXES: readonly string[] = Array.from({ length: READY }, (_, index) => makeInteger(0x80, 7, index));

/** A field of a table. */
export function indexedText(index: number): string {
  return INDEXES[index] ?? makeInteger(0x80, 7, index);
}

/** How the name of a field that goes into the table is begun; `nameIndex` 0: the name follows. */
export function indexingPrefix(nameIndex: number): string {
  return makeInteger(0x40, 6, nameIndex);
}

/** How the name of a field that does not go into the table is begun. */
export function literalPrefix(nameIndex: number): string {
  return makeInteger(0, 4, nameIndex);
}

/** How the name of a field that may go into no table on the way is begun. */
export function neverIndexedPrefix(nameIndex: number): string {
  return makeInteger(0x10, 4, nameIndex);
}

export function tableSizeText(bytes: number): string {
  return makeInteger(0x20, 5, bytes);
}

/** What stands before a plain string of so many characters. */
export function lengthText(length: number): string {
  return LENGTHS[length] ?? makeInteger(0, 7, length);
}

export function plainString(text: string): string {
  return lengthText(text.length) + text;
}

/** A string in Huffman code, or plain where that is no longer. */
export function shortString(text: string): string {
  const bytes = huffmanBytes(text);
  return bytes < text.length ? makeInteger(HUFFMAN_BIT, 7, bytes) + encodeHuffman(text) : plainString(text);
}
