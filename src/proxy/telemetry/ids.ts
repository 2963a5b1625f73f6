/**
 * Random identifiers as text. Sixteen are made in one go, of which each is a part: a call to the runtime for each id was half
 * of its cost. The parts keep that text alive, so it is short, and `ownText` is for whoever keeps one.
 */
import { randomFillSync } from 'node:crypto';
import { Buffer } from 'node:buffer';

/** Ids that are made in one go. */
const IDS = 16;
/** Random numbers of 32 bits that are drawn in one go: that takes 2 microseconds in itself, and 50 where it is done once in a hundred requests. */
const POOL_WORDS = 8 * 1024;
let pool = new Uint32Array();
let used = 0;

/** Where `count` fresh random numbers stand in the pool. */
function take(count: number): number {
  if (used + count > pool.length) {
    // not before: a start-up snapshot would have it
    if (pool.length === 0) pool = new Uint32Array(POOL_WORDS);
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += count;
  return at;
}

/** The four hex digits of a number of 16 bits, in ASCII, the first one in the highest byte. */
function hexOf(half: number): number {
  // a digit in each byte
  const bytes = (half | (half << 8)) & 0x00ff00ff;
  const digits = (bytes | (bytes << 4)) & 0x0f0f0f0f;
  // those from 10 on are letters, which stand 39 behind the digit that would follow 9
  const letters = ((digits + 0x06060606) >>> 4) & 0x01010101;
  return digits + 0x30303030 + Math.imul(letters, 39);
}

/** Ids of one shape: `xxxx` stands for four random hex digits, anything else for itself. */
class Ids {
  readonly #length: number;
  /** Random numbers that an id takes. */
  readonly #words: number;
  /** Where four digits are, in all of the ids that are made in one go; two of these take a number of 32 bits. */
  readonly #fours: Uint16Array;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #mend: (bytes: Buffer, at: number) => void;
  /** What the first eight digits of each id are drawn from. */
  readonly #numbers = new Uint32Array(IDS);
  #text = '';
  #given = IDS;

  /** `mend` changes what is wrong with the id that stands at `at`. */
  constructor(shape: string, mend: (bytes: Buffer, at: number) => void) {
    const all = shape.repeat(IDS);
    this.#length = shape.length;
    this.#fours = Uint16Array.from(all.matchAll(/xxxx/g), ({ index }) => index);
    this.#words = this.#fours.length / 2 / IDS;
    this.#bytes = Buffer.from(all, 'latin1');
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
    this.#mend = mend;
  }

  next(): string {
    if (this.#given === IDS) this.#draw();
    const at = this.#given++ * this.#length;
    return this.#text.slice(at, at + this.#length);
  }

  /** The first 32 random bits of the id that was given last. */
  get number(): number {
    return this.#numbers[this.#given - 1] ?? 0;
  }

  #draw(): void {
    const fours = this.#fours;
    const view = this.#view;
    const perId = this.#words;
    const count = perId * IDS;
    const from = take(count);
    const words = pool;
    for (let i = 0; i < count; i++) {
      const word = words[from + i] ?? 0;
      view.setInt32(fours[2 * i] ?? 0, hexOf(word >>> 16));
      view.setInt32(fours[2 * i + 1] ?? 0, hexOf(word & 0xffff));
    }
    for (let i = 0; i < IDS; i++) {
      this.#numbers[i] = words[from + i * perId] ?? 0;
      this.#mend(this.#bytes, i * this.#length);
    }
    this.#text = this.#bytes.toString('latin1');
    this.#given = 0;
  }
}

const ZERO = 0x30;
const VARIANTS = Buffer.from('89ab', 'latin1');

const uuids = new Ids('xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx', (bytes, at) => {
  bytes[at + 14] = ZERO + 4;
  bytes[at + 19] = VARIANTS[(bytes[at + 19] ?? 0) & 3] ?? 0;
});

/** An id of a request that was made here, and what it is sampled by, which need not be read back out of its text then. */
export interface MadeId {
  readonly text: string;
  /** `numberOfId` of the text. */
  readonly number: number;
}

/** A random UUID (RFC 9562 section 5.4). */
export function randomUuid(): MadeId {
  return { text: uuids.next(), number: uuids.number };
}

/** No id is all zeros. */
function begin(bytes: Buffer, at: number): void {
  if (bytes[at] === ZERO) bytes[at] = ZERO + 1;
}

/** Where the ids stand in a line of `traceparent`. */
const TRACEPARENT = 'traceparent: ';
const VALUE_AT = TRACEPARENT.length;
const TRACE_AT = VALUE_AT + '00-'.length;
const TRACE_END = TRACE_AT + 32;
const SPAN_AT = TRACE_END + '-'.length;
const SPAN_END = SPAN_AT + 16;

const traceparents = new Ids(`${TRACEPARENT}00-${'x'.repeat(32)}-${'x'.repeat(16)}-00\r\n`, (bytes, at) => {
  begin(bytes, at + TRACE_AT);
  begin(bytes, at + SPAN_AT);
});

/** The `traceparent` (Trace Context, section 3.2) of a trace that begins and is not sampled, as a line of a head. */
export function randomTraceparent(): string {
  return traceparents.next();
}

/** The value, and the ids of the trace and of its first span, in a line of `randomTraceparent`. */
export const inTraceparent = {
  value: (line: string): string => line.slice(VALUE_AT, -'\r\n'.length),
  traceId: (line: string): string => line.slice(TRACE_AT, TRACE_END),
  spanId: (line: string): string => line.slice(SPAN_AT, SPAN_END),
};

/** Both ids in a line of `randomTraceparent`. */
export function idsIn(line: string): { readonly traceId: string; readonly spanId: string } {
  return { traceId: inTraceparent.traceId(line), spanId: inTraceparent.spanId(line) };
}

const spans = new Ids('x'.repeat(16), begin);

/** A fresh span id: 16 hex digits. */
export function randomSpanId(): string {
  return spans.next();
}

/** The same text by itself, for whoever keeps it longer than a request lasts. */
export function ownText(id: string): string {
  return Buffer.from(id, 'latin1').toString('latin1');
}
