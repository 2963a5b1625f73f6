/**
 * The part of RE2's syntax that JavaScript's own engine runs with the same result and in linear time, so that
 * ordinary patterns cost neither re2js' memory nor its speed. Everything else is left to re2js.
 *
 * Inside the subset: ASCII literals, `.`, `\d \D \w \W`, escaped punctuation, ASCII classes, groups, `|`, `^` first
 * and `$` last, and repetition of single characters (`* + ? {n} {n,} {n,m}`); a group may only be optional (`?`).
 * The source is written anew for JavaScript, since `.` and classes differ in what they mean.
 *
 * Linear: of the unbounded repetitions at most one may be ambiguous, that is able to take a character that may also
 * follow it; and bounded choices (alternatives, `?`, `{n,m}`) multiply to at most MAX_BRANCHES. An unambiguous
 * repetition has one length that can succeed, so its backtracking adds instead of multiplying.
 */

const MAX_BRANCHES = 64;
/** RE2's own limit of a counted repetition. */
const MAX_REPEAT = 1000;
/** One cell for each ASCII character and one for all others. */
const CELLS = 129;
const OTHERS = 128;

type Chars = Uint8Array;

type Node =
  | { readonly kind: 'set'; readonly chars: Chars; readonly min: number; readonly max: number }
  | { readonly kind: 'group'; readonly alternatives: readonly Sequence[]; readonly isOptional: boolean };
type Sequence = readonly Node[];

/** Thrown inside this file where a pattern leaves the subset. */
class OutsideSubset extends Error {}

function charsOf(test: (code: number) => boolean): Chars {
  const chars = new Uint8Array(CELLS);
  for (let code = 0; code < CELLS; code++) if (test(code)) chars[code] = 1;
  return chars;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isWord(code: number): boolean {
  return isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
}

const DOT = charsOf((code) => code !== 10);
const CLASSES: Readonly<Record<string, Chars>> = {
  d: charsOf(isDigit),
  D: charsOf((code) => !isDigit(code)),
  w: charsOf(isWord),
  W: charsOf((code) => !isWord(code)),
};

/** Reads a pattern into nodes; throws OutsideSubset. */
class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Sequence {
    if (this.#peek() === '^') this.#at++;
    const alternatives = this.#alternatives();
    // `^a|b$` anchors only one side of each alternative: leave it to RE2
    if (this.#at < this.#text.length || (alternatives.length > 1 && /^\^|\$$/.test(this.#text))) throw new OutsideSubset();
    return alternatives.length === 1 ? (alternatives[0] ?? []) : [{ kind: 'group', alternatives, isOptional: false }];
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #alternatives(): Sequence[] {
    const found: Sequence[] = [];
    for (;;) {
      found.push(this.#sequence());
      if (this.#peek() !== '|') return found;
      this.#at++;
    }
  }

  #sequence(): Sequence {
    const nodes: Node[] = [];
    for (;;) {
      const c = this.#peek();
      if (c === '' || c === '|' || c === ')') return nodes;
      if (c === '$' && this.#at === this.#text.length - 1) {
        this.#at++;
        return nodes;
      }
      nodes.push(c === '(' ? this.#group() : this.#repeated(this.#single()));
    }
  }

  #group(): Node {
    this.#at++;
    if (this.#peek() === '?') {
      if (!this.#text.startsWith('?:', this.#at)) throw new OutsideSubset();
      this.#at += 2;
    }
    const alternatives = this.#alternatives();
    if (this.#peek() !== ')') throw new OutsideSubset();
    this.#at++;
    const { min, max } = this.#quantifier();
    if (max !== 1) throw new OutsideSubset();
    return { kind: 'group', alternatives, isOptional: min === 0 };
  }

  #repeated(chars: Chars): Node {
    return { kind: 'set', chars, ...this.#quantifier() };
  }

  #quantifier(): { min: number; max: number } {
    const match = /[*+?]|\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/y;
    match.lastIndex = this.#at;
    const found = match.exec(this.#text);
    if (found === null) return { min: 1, max: 1 };
    this.#at = match.lastIndex;
    // a second mark would make it lazy, or is an error
    if (/[*+?{]/.test(this.#peek())) throw new OutsideSubset();
    if (found[0] === '*') return { min: 0, max: Infinity };
    if (found[0] === '+') return { min: 1, max: Infinity };
    if (found[0] === '?') return { min: 0, max: 1 };
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === undefined ? Infinity : Number(found[3]);
    if (max < min || max === 0 || min > MAX_REPEAT || (max !== Infinity && max > MAX_REPEAT)) throw new OutsideSubset();
    return { min, max };
  }

  #single(): Chars {
    const c = this.#peek();
    if (c === '[') return this.#class();
    if (c === '\\') return this.#escape();
    this.#at++;
    if (c === '.') return DOT;
    return one(c);
  }

  #escape(): Chars {
    const c = this.#text[this.#at + 1] ?? '';
    this.#at += 2;
    const known = CLASSES[c];
    if (known !== undefined) return known;
    if (c === '' || isWord(c.charCodeAt(0)) || c.charCodeAt(0) <= 32) throw new OutsideSubset();
    return literal(c);
  }

  #class(): Chars {
    const found = /\[(\^?)((?:[^\]\\[]|\\[dw]|\\[^\w\s])+)\]/y;
    found.lastIndex = this.#at;
    const match = found.exec(this.#text);
    if (match === null) throw new OutsideSubset();
    this.#at = found.lastIndex;
    const chars = classChars(match[2] ?? '');
    return match[1] === '^' ? chars.map((cell) => 1 - cell) : chars;
  }
}

function literal(c: string): Chars {
  const code = c.charCodeAt(0);
  if (code >= OTHERS) throw new OutsideSubset();
  // most of what configurations have: not worth looking at the other characters
  const chars = new Uint8Array(CELLS);
  chars[code] = 1;
  return chars;
}

function one(c: string): Chars {
  if ('*+?{}()[]|^$\\'.includes(c)) throw new OutsideSubset();
  return literal(c);
}

/** The inside of a class: characters, ranges, `\d` and `\w`. */
function classChars(body: string): Chars {
  const chars = new Uint8Array(CELLS);
  const items = [...body.matchAll(/\\([\s\S])|([\s\S])/g)];
  const single = (i: number): string | undefined => {
    const item = items[i];
    const known = item?.[1] === 'd' || item?.[1] === 'w';
    return item === undefined || known ? undefined : (item[1] ?? item[2]);
  };
  for (let i = 0; i < items.length; i++) {
    const from = single(i);
    const isRange = items[i + 1]?.[0] === '-' && i + 2 < items.length;
    const to = isRange ? single(i + 2) : from;
    if (from === undefined && !isRange) {
      const known = CLASSES[items[i]?.[1] ?? ''] ?? chars;
      known.forEach((cell, code) => (chars[code] = (chars[code] ?? 0) | cell));
      continue;
    }
    if (from === undefined || to === undefined || to < from || to.charCodeAt(0) >= OTHERS) throw new OutsideSubset();
    for (let code = from.charCodeAt(0); code <= to.charCodeAt(0); code++) chars[code] = 1;
    if (isRange) i += 2;
  }
  return chars;
}

interface Cost {
  ambiguous: number;
  branches: number;
}

function union(a: Chars, b: Chars): Chars {
  return a.map((cell, code) => cell | (b[code] ?? 0));
}

function overlap(a: Chars, b: Chars): boolean {
  return a.some((cell, code) => cell === 1 && b[code] === 1);
}

/** Adds up what backtracking may cost, from the end on; returns which characters a match of the rest may begin with. */
function addCost(sequence: Sequence, follow: Chars, cost: Cost): Chars {
  let next = follow;
  for (const node of sequence.toReversed()) {
    if (node.kind === 'set') {
      if (node.max === Infinity) cost.ambiguous += overlap(node.chars, next) ? 1 : 0;
      else cost.branches *= node.max - node.min + 1;
      next = node.min === 0 ? union(node.chars, next) : node.chars;
      continue;
    }
    const after = next;
    cost.branches *= node.alternatives.length + (node.isOptional ? 1 : 0);
    const firsts = node.alternatives.map((alternative) => addCost(alternative, after, cost));
    next = firsts.reduce(union, node.isOptional ? after : new Uint8Array(CELLS));
  }
  return next;
}

const sourceOfChar = (code: number): string => `\\x${code.toString(16).padStart(2, '0')}`;

function sourceOfChars(chars: Chars): string {
  const first = chars.indexOf(1);
  if (first >= 0 && first < OTHERS && first === chars.lastIndexOf(1)) return sourceOfChar(first);
  const isNegated = chars[OTHERS] === 1;
  let source = '';
  for (let code = 0; code < OTHERS; code++) {
    if ((chars[code] === 1) !== isNegated) source += sourceOfChar(code);
  }
  return `[${isNegated ? '^' : ''}${source}]`;
}

function sourceOf(sequence: Sequence): string {
  let source = '';
  for (const node of sequence) {
    if (node.kind === 'group') source += `(?:${node.alternatives.map(sourceOf).join('|')})${node.isOptional ? '?' : ''}`;
    else
      source +=
        sourceOfChars(node.chars) + (node.max === 1 && node.min === 1 ? '' : `{${node.min},${node.max === Infinity ? '' : node.max}}`);
  }
  return source;
}

function parse(pattern: string): Sequence | undefined {
  try {
    return new Parser(pattern).parse();
  } catch (error) {
    if (error instanceof OutsideSubset) return undefined;
    throw error;
  }
}

/** A test for full matches by JavaScript's engine, or undefined where `pattern` is outside the subset. */
export function compileSubset(pattern: string): ((text: string) => boolean) | undefined {
  const sequence = parse(pattern);
  if (sequence === undefined) return undefined;
  const last = sequence.at(-1);
  // what a closing `.*` takes needs no looking at, unless there is a line feed, which no head of HTTP has
  const isOpenEnded = last?.kind === 'set' && last.chars === DOT && last.min === 0 && last.max === Infinity;
  const head = isOpenEnded ? sequence.slice(0, -1) : sequence;
  const cost: Cost = { ambiguous: 0, branches: 1 };
  addCost(head, isOpenEnded ? DOT : new Uint8Array(CELLS), cost);
  if (cost.ambiguous > 1 || cost.branches > MAX_BRANCHES) return undefined;
  const whole = new RegExp(`^(?:${sourceOf(sequence)})$`, 'u');
  if (!isOpenEnded) return (text) => whole.test(text);
  const start = new RegExp(`^(?:${sourceOf(head)})`, 'u');
  return (text) => (text.includes('\n') ? whole.test(text) : start.test(text));
}
