/**
 * Flows of one verdict, the newest that fit a bound of bytes. They are in segments, each with the texts of its own
 * records, so that a segment that is dropped takes everything along.
 */
import type { Flow, Verdict } from '../../model/flow.ts';
import { Dictionary, putRecord, recordBytesMax, recordEnd, recordSinceMs, takeRecord } from './record.ts';

/** Bytes of one segment's records; with a small bound, a share of it. */
const SEGMENT_BYTES = 256 * 1024;
/** Segments that a bound must hold, so that what is dropped at once is a small share of all. */
const MIN_SEGMENTS = 8;
/** What a segment takes beside its bytes and texts. */
const OVERHEAD_BYTES = 512;
/** Records tell their time in 32 bits after the segment's begin; long before that a new one begins. */
const SEGMENT_MS_MAX = 24 * 60 * 60 * 1000;

class Segment {
  readonly baseMs: number;
  readonly bytes: Buffer;
  /** Its bytes are another's by now. */
  isDropped = false;
  readonly texts = new Dictionary();
  used = 0;
  count = 0;
  lastMs: number;

  constructor(bytes: Buffer, baseMs: number) {
    this.bytes = bytes;
    this.baseMs = baseMs;
    this.lastMs = baseMs;
  }

  /** What it takes in memory, at most. */
  get size(): number {
    return this.bytes.length + this.texts.bytes + OVERHEAD_BYTES;
  }
}

/** The newest flows of one verdict, in a bound of bytes. */
export class FlowRing {
  readonly verdict: Verdict;
  /** Records that newer ones pushed out. */
  aged = 0;
  readonly #segmentBytes: number;
  #segments: Segment[] = [];
  /** Of all segments but the last, which still grows. */
  #sealedBytes = 0;
  #count = 0;
  #bytesMax: number;
  #spare: Buffer | undefined;

  constructor(verdict: Verdict, bytesMax: number) {
    this.verdict = verdict;
    this.#bytesMax = bytesMax;
    // a segment's texts may take as much as its records
    this.#segmentBytes = Math.min(SEGMENT_BYTES, Math.floor(bytesMax / MIN_SEGMENTS / 2));
  }

  get count(): number {
    return this.#count;
  }

  /** What it takes in memory, at most. */
  get bytes(): number {
    return this.#sealedBytes + (this.#segments.at(-1)?.size ?? 0);
  }

  get oldestMs(): number | undefined {
    return this.#segments[0]?.baseMs;
  }

  add(flow: Flow): void {
    const segment = this.#segmentFor(flow);
    if (segment === undefined) {
      this.aged++;
      return;
    }
    segment.used = putRecord(segment.bytes, segment.used, flow, flow.receivedMs - segment.baseMs, segment.texts);
    segment.lastMs = flow.receivedMs;
    segment.count++;
    this.#count++;
    this.#trim();
  }

  /** Holds another bound from now on. */
  hold(bytesMax: number): void {
    this.#bytesMax = bytesMax;
    this.#trim();
  }

  /** The segments' flows that came between the two times, newest segment first; the flows of one are oldest first. */
  *read(sinceMs: number, untilMs: number): Generator<readonly Flow[]> {
    // a copy: flows come and go while somebody reads
    for (const segment of this.#segments.toReversed()) {
      if (segment.isDropped || segment.baseMs > untilMs) continue;
      if (segment.lastMs < sinceMs) return;
      yield this.#flowsOf(segment, sinceMs, untilMs);
    }
  }

  #flowsOf({ bytes, used, texts, baseMs }: Segment, sinceMs: number, untilMs: number): Flow[] {
    const flows: Flow[] = [];
    for (let at = 0; at < used; at = recordEnd(bytes, at)) {
      const receivedMs = baseMs + recordSinceMs(bytes, at);
      if (receivedMs > untilMs) break;
      if (receivedMs >= sinceMs) flows.push(takeRecord(bytes, at, texts.texts, { verdict: this.verdict, baseMs }));
    }
    return flows;
  }

  /** The segment that has room; undefined where the flow is larger than a segment. */
  #segmentFor(flow: Flow): Segment | undefined {
    const wanted = recordBytesMax(flow);
    const last = this.#segments.at(-1);
    const isFull =
      last === undefined ||
      last.used + wanted > last.bytes.length ||
      last.texts.bytes > this.#segmentBytes ||
      flow.receivedMs - last.baseMs > SEGMENT_MS_MAX;
    if (!isFull) return last;
    if (wanted > this.#segmentBytes) return undefined;
    if (last !== undefined) {
      last.texts.seal();
      this.#sealedBytes += last.size;
    }
    // those of dropped ones are used again: they need not wait for a collection
    const segment = new Segment(this.#spare ?? Buffer.allocUnsafeSlow(this.#segmentBytes), flow.receivedMs);
    this.#spare = undefined;
    this.#segments.push(segment);
    return segment;
  }

  #trim(): void {
    while (this.bytes > this.#bytesMax && this.#segments.length > 1) {
      const oldest = this.#segments.shift();
      if (oldest === undefined) return;
      oldest.isDropped = true;
      this.#spare = oldest.bytes;
      this.#sealedBytes -= oldest.size;
      this.#count -= oldest.count;
      this.aged += oldest.count;
    }
  }
}
