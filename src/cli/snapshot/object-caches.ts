/**
 * Shortens the lists by which V8 finds what a start-up snapshot's contexts share.
 *
 * A snapshot has four contexts: three that Node makes others from, and the one that the process runs in. What they refer
 * to, and is of no context (functions' code, names, strings), stands in two lists, in the order in which it was needed
 * first. A process needs the lists again only when it makes another context, so that what the last context alone needs,
 * two thirds of 42,000 objects, is not looked up again. Yet V8 keeps all of it alive, and goes through the lists at every
 * collection of the young generation: 8 % of a request's instructions.
 *
 * A list ends where `undefined` stands. So it is written where the part begins that only the last context needs. That
 * place is marked: the last context alone has a property whose name stands in one list, and whose value in the other, and
 * what the contexts before it need was put into the lists before.
 *
 * Source: V8 13.6, src/snapshot/serializer-deserializer.cc (IterateObjectCache), context-serializer.cc and snapshot.cc
 * (the order of contexts); src/objects/string.h: a flat string of Latin-1 has its characters after 16 bytes.
 */
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { nativeFunction } from './native.ts';

/** Where a list is: a vector of C++ in V8's isolate, and the place in it. */
interface ListPlace {
  /** From the isolate's beginning to the vector, in bytes. */
  readonly offsetBytes: number;
  /** Which element is marked. */
  readonly index: number;
}

/** The texts of two strings, each of which is in one of the lists. */
export type Marks = readonly [string, string];

const ISOLATE_BYTES_MAX = 1 << 17;
const WORD_BYTES = 8;
const VECTOR_BYTES = 2 * WORD_BYTES;
const LIST_MIN = 1000;
const LIST_MAX = 1_000_000;
/** A pointer to an object of V8's ends with these bits. */
const TAG = 1;
const TAG_MASK = 3;
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
    const index = Math.max(...marks.map((mark) => indexOf(memory, elements, mark)));
    if (index >= 0) places.push({ offsetBytes: at, index });
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

function isPlace(value: unknown): value is ListPlace {
  if (typeof value !== 'object' || value === null) return false;
  return 'offsetBytes' in value && typeof value.offsetBytes === 'number' && 'index' in value && typeof value.index === 'number';
}

/** Where `undefined` is to be written, and what it is; throws where no mark is there. */
function placeOf(memory: number, { offsetBytes, index }: ListPlace, marks: Marks): { readonly address: number; readonly last: Buffer } {
  const vector = bytesAt(memory, isolate() + offsetBytes, VECTOR_BYTES);
  const [begin, end] = [wordAt(vector, 0), wordAt(vector, WORD_BYTES)];
  const address = begin + index * WORD_BYTES;
  const marked = wordAt(bytesAt(memory, address, WORD_BYTES), 0);
  if (!marks.some((mark) => isString(memory, marked, mark))) throw new Error('there is no mark');
  return { address, last: bytesAt(memory, end - WORD_BYTES, WORD_BYTES) };
}

function shorten(memory: number, places: readonly ListPlace[], marks: Marks): boolean {
  const found = places.map((place) => placeOf(memory, place, marks));
  const [first, second] = found;
  if (first === undefined || second === undefined || !first.last.equals(second.last)) return false;
  for (const { address, last } of found) writeSync(memory, last, 0, WORD_BYTES, address);
  return true;
}

/** Ends the lists at the marks, by a file that has what `findLists` gave as JSON; whether it was so. Else all stays. */
export function shortenLists(file: string, marks: Marks): boolean {
  try {
    const places: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return Array.isArray(places) && places.every(isPlace) && withMemory('r+', (memory) => shorten(memory, places, marks));
  } catch {
    return false;
  }
}
