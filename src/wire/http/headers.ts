/**
 * Header fields over the text they came in. Reading a field looks at one number per line; a line that nobody changes
 * never becomes a string of its own, and leaves with its neighbours as one run of the source text.
 */
import type { HeaderMap } from './message.ts';

const UPPER_BIT = 32;

function lowerCode(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + UPPER_BIT : code;
}

/** Length, first and last character in lower case as one number: what lines are told apart by before comparing text. */
export function fieldKey(length: number, first: number, last: number): number {
  return (length << 16) | (first << 8) | last;
}

function keyOfName(name: string): number {
  return fieldKey(name.length, lowerCode(name.charCodeAt(0)), lowerCode(name.charCodeAt(name.length - 1)));
}

function isNameAt(text: string, at: number, lowerName: string): boolean {
  for (let i = 1; i < lowerName.length - 1; i++) {
    const code = text.charCodeAt(at + i);
    const wanted = lowerName.charCodeAt(i);
    if (code !== wanted && lowerCode(code) !== wanted) return false;
  }
  return true;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The part of `text` without spaces and tabs around it, and nothing else: `String.trim` would take U+00A0 too. */
export function trimBlanks(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.substring(start, end);
}

// Above U+00FF a character would lose its high byte on the wire, and could turn into a line feed.
const UNSAFE = /[^\t\x20-\x7e\x80-\xff]/;
const UNSAFE_EACH = /[^\t\x20-\x7e\x80-\xff]/g;

/** Up to this length a loop is faster than a regular expression's start. */
const SHORT_LENGTH = 24;

function isSafe(value: string): boolean {
  if (value.length > SHORT_LENGTH) return !UNSAFE.test(value);
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20 ? code !== 0x09 : code === 0x7f || code > 0xff) return false;
  }
  return true;
}

/** A value that a head may have: other characters become question marks. */
function safeValue(value: string): string {
  return isSafe(value) ? value : value.replace(UNSAFE_EACH, '?');
}

/** Reads a block's fields without making a name and a value of each: what encoders do. */
export interface LineReader {
  /** A line `name:value` of `text`, without its line end; `key` is its name's `fieldKey`, whose upper half is the name's length. */
  line(text: string, start: number, end: number, key: number): void;
  /** A field that was added, with its name in lower case. */
  field(name: string, value: string): void;
}

/** A name that is asked for again and again, with what lines are found by: reckoning that is the better part of asking for what is not there. */
export interface FieldName {
  /** In lower case. */
  readonly text: string;
  /** Its `fieldKey`. */
  readonly key: number;
  /** Its `bitOf`. */
  readonly bit: number;
}

/**
 * Prepares a name. Its text is the string that literals of it are: as a part of a configuration it would be compared letter
 * by letter, through V8's runtime, with each name that was added to a head.
 */
export function fieldName(name: string): FieldName {
  const lower = name.toLowerCase();
  const text = Object.keys({ [lower]: true })[0] ?? lower;
  const key = keyOfName(text);
  return { text, key, bit: bitOf(key) };
}

/** A field whose line is there already: it is not put together for each head. */
export interface FieldLine {
  readonly value: string;
  /** `name: value` with its line end. */
  readonly line: string;
}

/** A field that is the same in many heads, made once. */
export interface FixedField extends FieldLine {
  readonly name: FieldName;
}

/** Prepares a field; `name` is in lower case. */
export function fixedField(name: string, value: string): FixedField {
  const safe = safeValue(value);
  // joined: one piece, where pieces that are added stay a tree of them
  return { name: fieldName(name), value: safe, line: [name, ': ', safe, '\r\n'].join('') };
}

function valueIn(added: string | FieldLine | undefined): string {
  return typeof added === 'string' ? added : (added?.value ?? '');
}

/**
 * A key's bit of the 32 by which a block knows most names that it has not. Keys differ in few bits: a sum of their parts gave
 * five of the six names that tracing asks for the bits of fields that every browser sends.
 */
export function bitOf(key: number): number {
  return 1 << (Math.imul(key, 0x9e3779b1) >>> 27);
}

/** The bits of all lines, for who makes marks and has not gathered them. */
function bitsOf(marks: readonly number[]): number {
  let bits = 0;
  for (let i = 0; i + 1 < marks.length; i += 2) bits |= bitOf(marks[i] ?? REMOVED);
  return bits;
}

const NO_VALUES: readonly string[] = [];

/** Mark of a line that was removed. No name has this key, for none is empty. */
const REMOVED = 0;

/**
 * A HeaderMap over source text.
 *
 * `marks` has two numbers a line: its key and where it starts in `text`; the last number is where the last line
 * ends. Lines are `name:value\r\n` and were validated by whoever made the marks.
 */
export class HeaderBlock implements HeaderMap {
  readonly #text: string;
  readonly #marks: number[];
  /** Bits of the lines' names. */
  readonly #bits: number;
  /** Names by turns with values, or with the field where its line is there. */
  #added: (string | FieldLine)[] | undefined = undefined;
  /** Bits of the names that were added. */
  #addedBits = 0;

  /** `bits` are those of `marks`. */
  constructor(text = '', marks: number[] = [], bits = bitsOf(marks)) {
    this.#text = text;
    this.#marks = marks;
    this.#bits = bits;
  }

  get size(): number {
    let size = this.#added === undefined ? 0 : this.#added.length / 2;
    for (let i = 0; i + 1 < this.#marks.length; i += 2) if (this.#marks[i] !== REMOVED) size++;
    return size;
  }

  // what is asked for is mostly not there: that is told by so little code that it stands where it is asked
  get(name: string | FieldName): string | undefined {
    if (typeof name === 'string') return this.#find(name, keyOfName(name));
    return ((this.#bits | this.#addedBits) & name.bit) === 0 ? undefined : this.#find(name.text, name.key);
  }

  has(name: string | FieldName): boolean {
    if (typeof name === 'string') return this.#holds(name, keyOfName(name));
    return ((this.#bits | this.#addedBits) & name.bit) !== 0 && this.#holds(name.text, name.key);
  }

  getAll(name: string | FieldName): readonly string[] {
    if (typeof name === 'string') return this.#findAll(name, keyOfName(name));
    return ((this.#bits | this.#addedBits) & name.bit) === 0 ? NO_VALUES : this.#findAll(name.text, name.key);
  }

  set(name: string, value: string): void {
    this.#replace(name, keyOfName(name), safeValue(value));
  }

  /** Without looking at each character: a tenth of a microsecond for ids and what else requests are marked with. */
  setPlain(name: FieldName, value: string): void {
    this.#replace(name.text, name.key, value);
  }

  setFixed(field: FixedField): void {
    this.setLine(field.name, field);
  }

  setLine(name: FieldName, field: FieldLine): void {
    this.#replace(name.text, name.key, field);
  }

  add(name: string, value: string): void {
    this.#push(name, keyOfName(name), safeValue(value));
  }

  #replace(name: string, key: number, value: string | FieldLine): void {
    this.#remove(name, key);
    this.#push(name, key, value);
  }

  #push(name: string, key: number, value: string | FieldLine): void {
    this.#addedBits |= bitOf(key);
    (this.#added ??= []).push(name, value);
  }

  remove(name: string | FieldName): void {
    if (typeof name === 'string') this.#remove(name, keyOfName(name));
    else if (((this.#bits | this.#addedBits) & name.bit) !== 0) this.#remove(name.text, name.key);
  }

  #remove(name: string, key: number): void {
    const bit = bitOf(key);
    if ((this.#bits & bit) !== 0) {
      for (let i = this.#lineOf(name, key, 0); i >= 0; i = this.#lineOf(name, key, i + 2)) this.#marks[i] = REMOVED;
    }
    if ((this.#addedBits & bit) === 0) return;
    for (let i = this.#addedOf(name); i >= 0; i = this.#addedOf(name)) this.#added?.splice(i, 2);
  }

  forEach(visit: (name: string, value: string) => void): void {
    const marks = this.#marks;
    for (let i = 0; i + 1 < marks.length; i += 2) {
      const key = marks[i] ?? REMOVED;
      const start = marks[i + 1] ?? 0;
      if (key !== REMOVED) visit(this.#text.substring(start, start + (key >>> 16)).toLowerCase(), this.#valueOf(i));
    }
    const added = this.#added ?? [];
    for (let i = 0; i < added.length; i += 2) visit(valueIn(added[i]), valueIn(added[i + 1]));
  }

  /** Every field in order, as it lies here. */
  readLines(reader: LineReader): void {
    const text = this.#text;
    const marks = this.#marks;
    const last = marks.length - 1;
    for (let i = 0; i < last; i += 2) {
      const key = marks[i] ?? REMOVED;
      if (key !== REMOVED) reader.line(text, marks[i + 1] ?? 0, (marks[i + 3 < marks.length ? i + 3 : i + 2] ?? 0) - 2, key);
    }
    const added = this.#added;
    if (added === undefined) return;
    for (let i = 0; i < added.length; i += 2) reader.field(valueIn(added[i]), valueIn(added[i + 1]));
  }

  /** A block of its own with the same fields: changes to one do not show in the other. */
  clone(): HeaderBlock {
    const copy = new HeaderBlock(this.#text, this.#marks.slice(), this.#bits);
    copy.#addedBits = this.#addedBits;
    if (this.#added !== undefined) copy.#added = this.#added.slice();
    return copy;
  }

  /** All fields as lines `name: value\r\n`, ready for HTTP/1.1; neighbours that were not changed are one substring. */
  toText(): string {
    const marks = this.#marks;
    const last = marks.length - 1;
    let out = '';
    let runStart = -1;
    for (let i = 0; i < last; i += 2) {
      const isKept = marks[i] !== REMOVED;
      if (isKept && runStart < 0) runStart = marks[i + 1] ?? 0;
      if (!isKept && runStart >= 0) {
        out += this.#text.substring(runStart, marks[i + 1]);
        runStart = -1;
      }
    }
    if (runStart >= 0) out += this.#text.substring(runStart, marks[last]);
    const added = this.#added;
    if (added === undefined) return out;
    for (let i = 0; i < added.length; i += 2) {
      const value = added[i + 1];
      if (typeof value === 'object') {
        out += value.line;
        continue;
      }
      // one after the other, so that the tree of pieces leans to one side: that is copied without recursion
      out += valueIn(added[i]);
      out += ': ';
      out += value ?? '';
      out += '\r\n';
    }
    return out;
  }

  #find(name: string, key: number): string | undefined {
    const bit = bitOf(key);
    if ((this.#bits & bit) !== 0) {
      const at = this.#lineOf(name, key, 0);
      if (at >= 0) return this.#valueOf(at);
    }
    if ((this.#addedBits & bit) === 0) return undefined;
    const at = this.#addedOf(name);
    return at < 0 ? undefined : valueIn(this.#added?.[at + 1]);
  }

  #holds(name: string, key: number): boolean {
    const bit = bitOf(key);
    if ((this.#bits & bit) !== 0 && this.#lineOf(name, key, 0) >= 0) return true;
    return (this.#addedBits & bit) !== 0 && this.#addedOf(name) >= 0;
  }

  #findAll(name: string, key: number): readonly string[] {
    const bit = bitOf(key);
    if (((this.#bits | this.#addedBits) & bit) === 0) return NO_VALUES;
    const values: string[] = [];
    for (let i = this.#lineOf(name, key, 0); i >= 0; i = this.#lineOf(name, key, i + 2)) values.push(this.#valueOf(i));
    const added = this.#added ?? [];
    for (let i = 0; i < added.length; i += 2) if (added[i] === name) values.push(valueIn(added[i + 1]));
    return values;
  }

  /** Where the marks of the next line of that name are, from `from` on; -1 where there is none. */
  #lineOf(name: string, key: number, from: number): number {
    const marks = this.#marks;
    const last = marks.length - 1;
    for (let i = from; i < last; i += 2) {
      if (marks[i] === key && isNameAt(this.#text, marks[i + 1] ?? 0, name)) return i;
    }
    return -1;
  }

  /** Where a name that was added stands first; -1 where it was not. */
  #addedOf(name: string): number {
    const added = this.#added;
    if (added === undefined) return -1;
    for (let i = 0; i < added.length; i += 2) if (added[i] === name) return i;
    return -1;
  }

  /** Value of the line whose marks are at `i`. */
  #valueOf(i: number): string {
    const marks = this.#marks;
    const start = (marks[i + 1] ?? 0) + ((marks[i] ?? 0) >>> 16) + 1;
    // The next line's start, or for the last line where it ends: both end this one.
    const next = i + 3 < marks.length ? marks[i + 3] : marks[i + 2];
    return trimBlanks(this.#text, start, (next ?? 0) - 2);
  }
}

/** A block of the given fields. */
export function headersOf(fields: readonly (readonly [name: string, value: string])[]): HeaderBlock {
  const block = new HeaderBlock();
  for (const [name, value] of fields) block.add(name.toLowerCase(), value);
  return block;
}
