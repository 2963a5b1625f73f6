/**
 * The work of a proxy with several event loops, in memory that they share: an outbound call may come to another loop than
 * the request that it is a part of. Each loop writes its own part only.
 *
 * ```
 *  loop 0: count | slot: state, length, text | slot | ...
 *  loop 1: count | ...
 * ```
 * A slot's state is odd while it is used, and another number each time, so that whoever reads it sees that it changed.
 */
import { Buffer } from 'node:buffer';
import type { InboundRequest, Work, WorkStore } from './work.ts';

const SLOTS = 128;
const SLOT_BYTES = 512;
const HEADER_BYTES = 64;
const LOOP_BYTES = HEADER_BYTES + SLOTS * SLOT_BYTES;
/** Behind a slot's state and length. */
const TEXT_AT = 8;

/** Memory for so many loops. */
export function sharedWorkMemory(loops: number): SharedArrayBuffer {
  return new SharedArrayBuffer(loops * LOOP_BYTES);
}

/** As text: no part of it can have a line's end in it. */
function textOf({ requestId, traceId, spanId, isSampled, traceState }: InboundRequest): string {
  const head = `${requestId}\n${traceId}\n${spanId}\n${isSampled ? '1' : ''}\n`;
  return head.length + traceState.length > SLOT_BYTES - TEXT_AT ? head : head + traceState;
}

function requestOf(text: string): InboundRequest {
  const [requestId = '', traceId = '', spanId = '', sampled = '', traceState = ''] = text.split('\n');
  return { requestId, traceId, spanId, isSampled: sampled === '1', traceState };
}

export class SharedWork implements WorkStore {
  readonly #ints: Int32Array;
  readonly #bytes: Buffer;
  readonly #loops: number;
  readonly #base: number;
  readonly #free: number[] = [];

  /** `loop` is this loop's number, whose part begins empty. */
  constructor(memory: SharedArrayBuffer, loop: number) {
    this.#ints = new Int32Array(memory);
    this.#bytes = Buffer.from(memory);
    this.#loops = memory.byteLength / LOOP_BYTES;
    this.#base = loop * LOOP_BYTES;
    Atomics.store(this.#ints, this.#base >> 2, 0);
    for (let slot = SLOTS - 1; slot >= 0; slot--) {
      this.#clear(this.#slotAt(this.#base, slot));
      this.#free.push(slot);
    }
  }

  get count(): number {
    let count = 0;
    for (let loop = 0; loop < this.#loops; loop++) count += this.#countOf(loop);
    return count;
  }

  add(work: Work): void {
    if (work.request !== undefined) work.slot = this.#note(textOf(work.request));
    Atomics.add(this.#ints, this.#base >> 2, 1);
  }

  remove(work: Work): void {
    Atomics.sub(this.#ints, this.#base >> 2, 1);
    if (work.slot === -1) return;
    this.#clear(this.#slotAt(this.#base, work.slot));
    this.#free.push(work.slot);
    work.slot = -1;
  }

  only(): InboundRequest | undefined {
    if (this.count !== 1) return undefined;
    const [text] = this.#texts('', 1);
    // whoever came while we looked may be the one
    return text === undefined || this.count !== 1 ? undefined : requestOf(text);
  }

  withId(requestId: string): readonly InboundRequest[] {
    return this.#texts(`${requestId}\n`, 2).map(requestOf);
  }

  #countOf(loop: number): number {
    return Atomics.load(this.#ints, (loop * LOOP_BYTES) >> 2);
  }

  #slotAt(base: number, slot: number): number {
    return base + HEADER_BYTES + slot * SLOT_BYTES;
  }

  /** Writes into a free slot; -1 where there is none, or the text is too long. */
  #note(text: string): number {
    const slot = text.length > SLOT_BYTES - TEXT_AT ? undefined : this.#free.pop();
    if (slot === undefined) return -1;
    const at = this.#slotAt(this.#base, slot);
    this.#bytes.write(text, at + TEXT_AT, 'latin1');
    Atomics.store(this.#ints, (at >> 2) + 1, text.length);
    Atomics.add(this.#ints, at >> 2, 1);
    return slot;
  }

  #clear(at: number): void {
    const state = Atomics.load(this.#ints, at >> 2);
    if ((state & 1) === 1) Atomics.add(this.#ints, at >> 2, 1);
  }

  /** Texts of all loops that begin so, `max` at most. */
  #texts(prefix: string, max: number): string[] {
    const found: string[] = [];
    for (let loop = 0; loop < this.#loops; loop++) {
      if (this.#countOf(loop) === 0) continue;
      for (let slot = 0; slot < SLOTS && found.length < max; slot++) {
        const text = this.#read(this.#slotAt(loop * LOOP_BYTES, slot));
        if (text?.startsWith(prefix) === true) found.push(text);
      }
    }
    return found;
  }

  #read(at: number): string | undefined {
    const state = Atomics.load(this.#ints, at >> 2);
    if ((state & 1) === 0) return undefined;
    const length = Atomics.load(this.#ints, (at >> 2) + 1);
    const text = this.#bytes.toString('latin1', at + TEXT_AT, at + TEXT_AT + length);
    return Atomics.load(this.#ints, at >> 2) === state ? text : undefined;
  }
}
