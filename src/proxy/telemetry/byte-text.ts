/**
 * Text of which each character is a byte, as heads are read from the wire and log lines are written, beside text as people
 * know it. Fields of heads are bytes: most hold UTF-8, and nobody has to.
 */
import { Buffer } from 'node:buffer';
import { TextDecoder } from 'node:util';

const BEYOND_ASCII = /\P{ASCII}/u;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes of a text in UTF-8, one character each; what is no character becomes U+FFFD. */
export function bytesOf(text: string): string {
  return BEYOND_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/** What bytes say in UTF-8; where they are none, each stands for the character of its number. */
export function textOf(bytes: string): string {
  if (!BEYOND_ASCII.test(bytes)) return bytes;
  try {
    return utf8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return bytes;
  }
}
