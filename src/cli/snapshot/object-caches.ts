/**
 * Shortens the lists by which V8 finds what a start-up snapshot's contexts share.
 *
 * A snapshot has four contexts: three that Node makes others from, and the one that the process runs in. What they refer
 * to, and is of no context, stands in two lists in the order in which it was needed first: functions' code and strings in
 * one, names in the other. A process needs the lists again only when it makes another context, and not what the last
 * context alone needs, which is nearly all of 42,000 objects. Yet V8 keeps all of it alive, and goes through the lists at
 * every collection of the young generation: 8 % of a request's instructions.
 *
 * A list ends where `undefined` stands. So it is written where the part begins that only the last context needs. In the
 * first list that is before a mark: a property of the last context alone has it for its value, and what the contexts
 * before it need was put in before. The second is known by the property's name, and ends at its beginning, for V8's own
 * names are in its read-only memory. That it is so is tried with each new snapshot: the rest of both lists is spoilt,
 * and a context is made.
 *
 * Source: V8 13.6, src/snapshot/serializer-deserializer.cc (IterateObjectCache), context-serializer.cc and snapshot.cc
 * (the order of contexts); src/objects/string.h: a flat string of Latin-1 has its characters after 16 bytes.
 */
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { nativeFunction } from './native.ts';

/** Where a list is: a vector of C++ in V8's isolate, and what is in it. */
interface ListPlace {
  /** From the isolate's beginning to the vector, in bytes. */
  readonly offsetBytes: number;
  /** Which element is marked. */
  readonly marked: number;
  /** How many elements are kept. */
  readonly kept: number;
}

/** The texts of two strings: a property's name, which is in the list of names, and its value, which is in the other. */
export type Marks = readonly [string, string];

const ISOLATE_BYTES_MAX = 1 << 17;
const WORD_BYTES = 8;
const VECTOR_BYTES = 2 * WORD_BYTES;
const LIST_MIN = 1000;
const LIST_MAX = 1_000_000;
/** A pointer to an object of V8's ends with these bits. */
const TAG = 1;
const TAG_MASK = 3;
/** A pointer that no process may follow. */
const NOWHERE = 0x7_0000_0000_0001n;
/** What stands in a string before its characters. */
const STRING_HEAD_BYTES = 16;

/** Marks for the context of the process. Joined when asked: a text in the sources would be in the lists by itself. */
export function ownMarks(): Marks {
  const words = ['tulle', 'is', 'what', 'follows'];
  return [words.join('-'), words.join('+')];
}

/** Marks the context that runs, the last of a snapshot, at something that belongs to it alone. */
export function setMarks(owner: object, [name, value]: Marks): void {
  Object.defineProperty(owner, name, { value });
}

const isolate = (): number => nativeFunction('intptr_t _ZN2v87Isolate10GetCurrentEv()')();

/** What is there; fewer bytes where less is, and none where nothing is. */
function bytesAt(memory: number, address: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  try {
    return buffer.subarray(0, readSync(memory, buffer, 0, bytes, address));
  } catch {
    return buffer.subarray(0, 0);
  }
}

const wordAt = (buffer: Buffer, at: number): number => Number(buffer.readBigUInt64LE(at));

/** Whether a tagged pointer is one to a string with that text. */
function isString(memory: number, pointer: number, text: string): boolean {
  if ((pointer & TAG_MASK) !== TAG) return false;
  return bytesAt(memory, pointer - TAG + STRING_HEAD_BYTES, text.length).toString('latin1') === text;
}

/** The elements of a list whose vector lies there; undefined where none does. The last is `undefined`. */
function listAt(memory: number, vector: Buffer): Buffer | undefined {
  const [begin, end] = [wordAt(vector, 0), wordAt(vector, WORD_BYTES)];
  const length = (end - begin) / WORD_BYTES;
  if (!Number.isInteger(length) || length < LIST_MIN || length > LIST_MAX) return undefined;
  const elements = bytesAt(memory, begin, end - begin);
  return elements.length === end - begin ? elements : undefined;
}

function indexOf(memory: number, elements: Buffer, text: string): number {
  for (let at = 0; at < elements.length; at += WORD_BYTES) {
    if ((elements.readUInt32LE(at) & TAG_MASK) !== TAG) return -1;
    if (isString(memory, wordAt(elements, at), text)) return at / WORD_BYTES;
  }
  return -1;
}

function search(memory: number, marks: Marks): readonly ListPlace[] {
  const places: ListPlace[] = [];
  const start = isolate();
  const bytes = bytesAt(memory, start, ISOLATE_BYTES_MAX);
  for (let at = 0; at + VECTOR_BYTES <= bytes.length; at += WORD_BYTES) {
    const elements = listAt(memory, bytes.subarray(at));
    if (elements === undefined) continue;
    const [named, valued] = [indexOf(memory, elements, marks[0]), indexOf(memory, elements, marks[1])];
    if (named >= 0) places.push({ offsetBytes: at, marked: named, kept: 0 });
    if (valued >= 0) places.push({ offsetBytes: at, marked: valued, kept: valued });
  }
  return places;
}

function withMemory<T>(flags: 'r' | 'r+', use: (memory: number) => T): T {
  const memory = openSync('/proc/self/mem', flags);
  try {
    return use(memory);
  } finally {
    closeSync(memory);
  }
}

/** Finds the lists in which the marks are, one in each. Takes a second; undefined where they are not as expected. */
export function findLists(marks: Marks): readonly ListPlace[] | undefined {
  try {
    const places = withMemory('r', (memory) => search(memory, marks));
    return places.length === marks.length ? places : undefined;
  } catch {
    return undefined;
  }
}

const NUMBERS = ['offsetBytes', 'marked', 'kept'] as const;

function isPlace(value: unknown): value is ListPlace {
  return typeof value === 'object' && value !== null && NUMBERS.every((name) => typeof Reflect.get(value, name) === 'number');
}

/** What is not kept of a list, and what it ends with. */
interface Rest {
  readonly start: number;
  readonly end: number;
  readonly last: Buffer;
}

/** Throws where no mark is in the list. */
function restOf(memory: number, { offsetBytes, marked, kept }: ListPlace, marks: Marks): Rest {
  const vector = bytesAt(memory, isolate() + offsetBytes, VECTOR_BYTES);
  const [begin, end] = [wordAt(vector, 0), wordAt(vector, WORD_BYTES)];
  const element = wordAt(bytesAt(memory, begin + marked * WORD_BYTES, WORD_BYTES), 0);
  if (!marks.some((mark) => isString(memory, element, mark))) throw new Error('there is no mark');
  return { start: begin + kept * WORD_BYTES, end, last: bytesAt(memory, end - WORD_BYTES, WORD_BYTES) };
}

/** Fills what comes after the new end with pointers to nowhere: who takes one of them does not get far. */
function spoil(memory: number, { start, end }: Rest): void {
  const after = start + WORD_BYTES;
  const nowhere = Buffer.alloc(end - after);
  for (let at = 0; at < nowhere.length; at += WORD_BYTES) nowhere.writeBigUInt64LE(NOWHERE, at);
  writeSync(memory, nowhere, 0, nowhere.length, after);
}

function shorten(memory: number, rests: readonly Rest[]): boolean {
  const [first, second] = rests;
  if (first === undefined || second === undefined || !first.last.equals(second.last)) return false;
  for (const { start, last } of rests) writeSync(memory, last, 0, WORD_BYTES, start);
  return true;
}

/**
 * Ends the lists where nothing is needed any more, by a file that has what `findLists` gave as JSON; whether it was so.
 * Else all stays. `isTrial` spoils what comes after.
 */
export function shortenLists(file: string, marks: Marks, isTrial = false): boolean {
  try {
    const places: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!Array.isArray(places) || !places.every(isPlace)) return false;
    return withMemory('r+', (memory) => {
      const rests = places.map((place) => restOf(memory, place, marks));
      if (!shorten(memory, rests)) return false;
      if (isTrial) for (const rest of rests) spoil(memory, rest);
      return true;
    });
  } catch {
    return false;
  }
}
