/**
 * Random identifiers as text. Sixteen are made in one go, of which each is a part: a call to the runtime for each id was half
 * of its cost. The parts keep that text alive, so it is short, and `ownText` is for whoever keeps one.
 */
import { randomFillSync } from 'node:crypto';
import { Buffer } from 'node:buffer';

/** Ids that are made in one go. */
const IDS = 16;
/** Random bytes that are drawn in one go: that takes 2 microseconds in itself, and 50 where it is done once in a hundred requests. */
const POOL_BYTES = 32 * 1024;
let pool = Buffer.alloc(0);
let used = 0;

/** Where `count` fresh random bytes stand in the pool. */
function take(count: number): number {
  if (used + count > pool.length) {
    // not before: a start-up snapshot would have it
    if (pool.length === 0) pool = Buffer.allocUnsafeSlow(POOL_BYTES);
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += count;
  return at;
}

/** Two hex digits in ASCII for each byte. */
const HEX = Uint16Array.from({ length: 256 }, (_, byte) => Buffer.from(byte.toString(16).padStart(2, '0')).readUInt16BE());

/** Ids of one shape: `xx` stands for a random byte, anything else for itself. */
class Ids {
  readonly #length: number;
  readonly #pairs: Uint16Array;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #mend: (bytes: Buffer, at: number) => void;
  #text = '';
  #next = 0;

  /** `mend` changes what is wrong with the id that stands at `at`. */
  constructor(shape: string, mend: (bytes: Buffer, at: number) => void) {
    this.#length = shape.length;
    this.#pairs = Uint16Array.from(shape.matchAll(/xx/g), ({ index }) => index);
    this.#bytes = Buffer.from(shape.repeat(IDS), 'latin1');
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
    this.#mend = mend;
  }

  next(): string {
    if (this.#next === this.#text.length) {
      for (let i = 0; i < IDS; i++) this.#draw(i * this.#length);
      this.#text = this.#bytes.toString('latin1');
      this.#next = 0;
    }
    const at = this.#next;
    this.#next = at + this.#length;
    return this.#text.slice(at, this.#next);
  }

  #draw(at: number): void {
    const pairs = this.#pairs;
    const view = this.#view;
    const from = take(pairs.length);
    for (let i = 0; i < pairs.length; i++) view.setUint16(at + (pairs[i] ?? 0), HEX[pool[from + i] ?? 0] ?? 0);
    this.#mend(this.#bytes, at);
  }
}

const ZERO = 0x30;
const VARIANTS = Buffer.from('89ab', 'latin1');

const uuids = new Ids('xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx', (bytes, at) => {
  bytes[at + 14] = ZERO + 4;
  bytes[at + 19] = VARIANTS[(bytes[at + 19] ?? 0) & 3] ?? 0;
});

/** A random UUID (RFC 9562 section 5.4). */
export function randomUuid(): string {
  return uuids.next();
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
