/**
 * What is remembered of fields that peers choose: a bounded number, and only of those that came before. A client that
 * sends another value each time costs a hash of it, and pushes little out.
 *
 * A field is looked for by a few of its characters and then compared. To look a line up in a Map takes a hash of all its
 * characters: 130 ns for a line of 65, against 40 (bench/hpack.ts).
 */
import { ownText } from './field.ts';

const SETS = 1024;
const WAYS = 2;
const MAX_TEXT_LENGTH = 512;
const SEEN_SLOTS = 4096;

/** Prime of FNV-1a. */
const PRIME = 0x01000193;

/** The last three characters and six more, evenly spread. */
function sampleHash(text: string, start: number, end: number, seed: number): number {
  const length = end - start;
  let hash = Math.imul(seed ^ length, PRIME);
  if (length < 8) {
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
    return hash ^ (hash >>> 15);
  }
  const step = length >> 3;
  const first = start + step;
  hash = Math.imul(hash ^ text.charCodeAt(first) ^ (text.charCodeAt(first + step) << 8) ^ (text.charCodeAt(first + step * 2) << 16), PRIME);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME);
  hash ^= text.charCodeAt(first + step * 3) ^ (text.charCodeAt(first + step * 4) << 8) ^ (text.charCodeAt(first + step * 5) << 16);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME);
  hash ^= text.charCodeAt(end - 1) ^ (text.charCodeAt(end - 2) << 8) ^ (text.charCodeAt(end - 3) << 16);
  hash = Math.imul(hash, PRIME);
  return hash ^ (hash >>> 15);
}

function fullHash(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return hash;
}

/** Values by a name and a text: the field's value, or '' and a whole line. */
export class FieldMemo<T> {
  readonly #hashes = new Int32Array(SETS * WAYS);
  readonly #names: string[] = Array.from({ length: SETS * WAYS }, () => '');
  readonly #texts: string[] = Array.from({ length: SETS * WAYS }, () => '');
  readonly #values: (T | undefined)[] = Array.from({ length: SETS * WAYS }, () => undefined);
  /** Hashes of texts that have come once. */
  readonly #seen = new Int32Array(SEEN_SLOTS);

  /** Value of the line of `text` from `start` to `end`. `seed` depends on the line alone, and is the same for `setLine`. */
  line(text: string, start: number, end: number, seed: number): T | undefined {
    const hash = sampleHash(text, start, end, seed);
    const slot = (hash & (SETS - 1)) * WAYS;
    if (this.#hashes[slot] === hash && text.substring(start, end) === this.#texts[slot]) return this.#values[slot];
    return this.#hashes[slot + 1] === hash && text.substring(start, end) === this.#texts[slot + 1] ? this.#values[slot + 1] : undefined;
  }

  /** Value of a field by its name and value. */
  field(name: string, value: string): T | undefined {
    const hash = sampleHash(value, 0, value.length, fieldSeed(name));
    const slot = (hash & (SETS - 1)) * WAYS;
    if (this.#hashes[slot] === hash && value === this.#texts[slot] && name === this.#names[slot]) return this.#values[slot];
    const other = slot + 1;
    return this.#hashes[other] === hash && value === this.#texts[other] && name === this.#names[other] ? this.#values[other] : undefined;
  }

  /** Whether a field that is not remembered has come before, and is worth it. */
  isWorth(name: string, value: string): boolean {
    if (name.length + value.length > MAX_TEXT_LENGTH) return false;
    const hash = fullHash(value, fullHash(name, 0));
    const slot = hash & (SEEN_SLOTS - 1);
    if (this.#seen[slot] === hash) return true;
    this.#seen[slot] = hash;
    return false;
  }

  setLine(line: string, seed: number, value: T): void {
    if (line.length <= MAX_TEXT_LENGTH) this.#set(sampleHash(line, 0, line.length, seed), '', line, value);
  }

  setField(name: string, text: string, value: T): void {
    this.#set(sampleHash(text, 0, text.length, fieldSeed(name)), name, text, value);
  }

  /** The older of two with the same place goes. */
  #set(hash: number, name: string, text: string, value: T): void {
    const slot = (hash & (SETS - 1)) * WAYS;
    this.#hashes[slot + 1] = this.#hashes[slot] ?? 0;
    this.#names[slot + 1] = this.#names[slot] ?? '';
    this.#texts[slot + 1] = this.#texts[slot] ?? '';
    this.#values[slot + 1] = this.#values[slot];
    this.#hashes[slot] = hash;
    this.#names[slot] = ownText(name);
    this.#texts[slot] = ownText(text);
    this.#values[slot] = value;
  }
}

function fieldSeed(name: string): number {
  return (name.length << 16) ^ (name.charCodeAt(0) << 8) ^ name.charCodeAt(name.length - 1);
}
