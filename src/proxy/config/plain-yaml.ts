/**
 * Reads the part of YAML that most bootstraps are written in, in a fraction of the time that a whole parser takes before
 * V8 has compiled it (`npm run bench -- --only start`): block mappings and sequences, scalars on one line, comments.
 * Whatever is anything else, is written in a way that might mean something else, or is wrong, is left to that parser:
 * the answer is then `undefined`. What is read is what js-yaml reads by its core schema.
 */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

/** Thrown inside, where the text is not of the part that is read here. */
const NOT_PLAIN = new Error('not plain YAML');

const FOREIGN = /[^\n -~]/;
const NOT_SPACE = /[^ ]/g;
/** A key, in front of its colon. */
const KEY = /^(?:"[^"\\]+"|'[^']+'|[A-Za-z_][\w./-]*(?:\[[^"'#:]*\])?)$/;
/** YAML's own limit for a key on the line of its value. */
const KEY_LENGTH_MAX = 1000;
const WORD_WITH_MEANING = /^(?:null|true|false)$/i;
/** Text for certain: it begins as no number and no sign of YAML's, or is an address or has a unit. */
const TEXT = /^(?:[A-Za-z_/:][^\n]*|\d+(?:\.\d+){3}|\d+(?:\.\d+)?[smh]|\d+(?:\.\d+)?ms)$/;
const INTEGER = /^(?:0|-?[1-9]\d{0,14})$/;
const NOT_IN_TEXT = /: |:$| #|^:(?:$| )/;

/** Where reading has come to: a piece of a line, and in which column it stands. */
class Lines {
  readonly text: string;
  /** Where what is to be read next begins and its line ends. */
  at = 0;
  end = -1;
  /** Columns before it; -1 after the last line. */
  column = 0;
  /** What was read before: a configuration says the same many times. */
  readonly keys = new Map<string, string>();
  readonly scalars = new Map<string, JsonValue>();

  constructor(text: string) {
    this.text = text;
    this.next();
  }

  /** Goes on to the next line that has something to say. */
  next(): void {
    const { text } = this;
    for (;;) {
      const start = this.end + 1;
      if (start >= text.length) {
        this.column = -1;
        return;
      }
      const newline = text.indexOf('\n', start);
      this.end = newline < 0 ? text.length : newline;
      NOT_SPACE.lastIndex = start;
      const at = NOT_SPACE.test(text) ? NOT_SPACE.lastIndex - 1 : this.end;
      if (at >= this.end || text.charCodeAt(at) === HASH) continue;
      // an end in white space, and marks of documents, are rare
      if (text.charCodeAt(this.end - 1) === SPACE || (at === start && /^(?:---|\.\.\.)/.test(text.slice(at, at + 3)))) throw NOT_PLAIN;
      this.at = at;
      this.column = at - start;
      return;
    }
  }

  /** Whether an entry of a sequence begins here. */
  get isEntry(): boolean {
    const { text, at, end } = this;
    return text.charCodeAt(at) === DASH && (at + 1 === end || text.charCodeAt(at + 1) === SPACE);
  }

  /** Goes past the dash of an entry; false: nothing follows on its line. */
  enterEntry(): boolean {
    const before = this.at++;
    while (this.at < this.end && this.text.charCodeAt(this.at) === SPACE) this.at++;
    this.column += this.at - before;
    return this.at < this.end;
  }
}

const SPACE = 0x20;
const HASH = 0x23;
const DASH = 0x2d;

function scalarOf(text: string): JsonValue {
  if (INTEGER.test(text)) return Number(text);
  if (text === 'true') return true;
  if (text === 'false') return false;
  if (text === '{}') return {};
  if (text === '[]') return [];
  const quote = text.charCodeAt(0);
  if (quote === 0x22 || quote === 0x27) {
    const inner = text.slice(1, -1);
    if (text.length < 2 || text.charCodeAt(text.length - 1) !== quote || /["'\\]/.test(inner)) throw NOT_PLAIN;
    return inner;
  }
  if (!TEXT.test(text) || WORD_WITH_MEANING.test(text) || NOT_IN_TEXT.test(text)) throw NOT_PLAIN;
  return text;
}

/** The scalar that the rest of the line is. */
function readScalar(lines: Lines, column: number): JsonValue {
  const text = lines.text.slice(lines.at, lines.end);
  let value = lines.scalars.get(text);
  if (value === undefined) {
    value = scalarOf(text);
    // an object is one value's own
    if (typeof value !== 'object') lines.scalars.set(text, value);
  }
  lines.next();
  // a scalar that goes on
  if (lines.column > column) throw NOT_PLAIN;
  return value;
}

/** What a text in front of a colon is as a key; undefined: none that is read here. */
function keyOf(text: string): string | undefined {
  if (text.length > KEY_LENGTH_MAX || !KEY.test(text)) return undefined;
  return text.startsWith('"') || text.startsWith("'") ? text.slice(1, -1) : text;
}

/** The key that begins here, if one does; goes on to its value, or the end of the line. */
function takeKey(lines: Lines): string | undefined {
  const { text, at, end } = lines;
  const quote = text.charCodeAt(at);
  const from = quote === 0x22 || quote === 0x27 ? text.indexOf(text.charAt(at), at + 1) : at;
  const colon = from < 0 ? -1 : text.indexOf(':', from);
  // after the colon stands a space or the end of the line
  if (colon < 0 || colon >= end || (colon + 1 < end && text.charCodeAt(colon + 1) !== SPACE)) return undefined;
  const written = text.slice(at, colon);
  let key = lines.keys.get(written);
  if (key === undefined) {
    key = keyOf(written);
    if (key === undefined) return undefined;
    if (WORD_WITH_MEANING.test(key) || key === '__proto__') throw NOT_PLAIN;
    lines.keys.set(written, key);
  }
  let next = colon + 1;
  while (next < end && text.charCodeAt(next) === SPACE) next++;
  lines.at = next;
  return key;
}

/** The value of a key that ends its line, in a mapping at `column`. */
function readBelow(lines: Lines, column: number): JsonValue {
  lines.next();
  if (lines.column > column) return readBlock(lines);
  if (lines.column === column && lines.isEntry) return readSequence(lines);
  throw NOT_PLAIN;
}

/** Reads a mapping whose first key has been taken. */
function readMapping(lines: Lines, first: string): JsonObject {
  const { column } = lines;
  const mapping: JsonObject = {};
  let key: string | undefined = first;
  for (;;) {
    if (key === undefined || Object.hasOwn(mapping, key)) throw NOT_PLAIN;
    mapping[key] = lines.at === lines.end ? readBelow(lines, column) : readScalar(lines, column);
    // the sequence of a key may stand in the column of the key
    if (lines.column !== column || lines.isEntry) break;
    key = takeKey(lines);
  }
  if (lines.column > column) throw NOT_PLAIN;
  return mapping;
}

function readSequence(lines: Lines): JsonValue[] {
  const { column } = lines;
  const sequence: JsonValue[] = [];
  while (lines.column === column && lines.isEntry) {
    if (!lines.enterEntry()) throw NOT_PLAIN;
    sequence.push(readBlock(lines));
  }
  if (lines.column > column) throw NOT_PLAIN;
  return sequence;
}

function readBlock(lines: Lines): JsonValue {
  if (lines.isEntry) return readSequence(lines);
  const key = takeKey(lines);
  return key === undefined ? readScalar(lines, lines.column - 1) : readMapping(lines, key);
}

/** The value of a document of plain YAML; undefined where it is none, which says nothing against it. */
export function readPlainYaml(text: string): JsonValue | undefined {
  if (FOREIGN.test(text)) return undefined;
  try {
    const lines = new Lines(text);
    if (lines.column < 0) return undefined;
    const value = readBlock(lines);
    return lines.column < 0 ? value : undefined;
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
}
