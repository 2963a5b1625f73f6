/**
 * Lines of a log that wait to be written, as bytes in chunks that are used again.
 *
 * A line is a tree of pieces, many of them parts of the heads that its request and response came in. Kept as text until
 * there was enough for a write, two hundred lines kept 2 KiB each alive, which every collection of the young generation
 * (2 MiB, a hundred and fifty requests) copied once and then moved to the old one, where a full collection had to find it.
 * So lines become bytes a few at a time, by 2 KiB: that shares what each call of `write` takes whatever it is given (some
 * 900 instructions), while few lines are alive when a collection comes: by 4 KiB that took 370 instructions a request. 64 KiB
 * cost the line twice as much, and the proxy several microseconds of collections.
 */
import { Buffer } from 'node:buffer';

/** To have a thread write takes 70 microseconds of this one, a third of one for each line where 64 KiB are written. */
const CHUNK_BYTES = 256 * 1024;
/** Characters of lines that become bytes at once. */
const TEXT_CHARS = 2048;
/** Where lines begin: before them there is room for a newline that ends a torn line of the file. */
const FIRST = 1;

/** A piece of the file: whole lines from 1 to `end`; 0 is for a newline. */
export interface LineChunk {
  readonly bytes: Buffer;
  end: number;
}

export class LineChunks {
  /** The last lines, not bytes yet. */
  #text = '';
  #open: LineChunk | undefined = undefined;
  readonly #full: LineChunk[] = [];
  #fullBytes = 0;
  #spare: LineChunk | undefined = undefined;

  /** Bytes that wait. */
  get size(): number {
    return this.#fullBytes + (this.#open === undefined ? 0 : this.#open.end) + this.#text.length;
  }

  /** A chunk is full: it is time to write. */
  get hasFull(): boolean {
    return this.#full.length > 0;
  }

  /** Takes one line with its newline; each character is a byte. */
  add(line: string): void {
    this.#text += line;
    if (this.#text.length >= TEXT_CHARS) this.#write();
  }

  /** The oldest chunk, full or not; undefined where nothing waits. It is given back by `release`. */
  take(): LineChunk | undefined {
    this.#write();
    if (this.#full.length === 0) this.#seal();
    const chunk = this.#full.shift();
    if (chunk !== undefined) this.#fullBytes -= chunk.end;
    return chunk;
  }

  /** A chunk is written, or lost. */
  release(chunk: LineChunk): void {
    if (chunk.bytes.length !== CHUNK_BYTES) return;
    chunk.end = FIRST;
    this.#spare = chunk;
  }

  /** Makes bytes of the last lines, in one chunk. */
  #write(): void {
    const lines = this.#text;
    if (lines === '') return;
    this.#text = '';
    if (this.#open !== undefined && this.#open.end + lines.length > CHUNK_BYTES) this.#seal();
    const chunk = (this.#open ??= this.#begin(lines));
    chunk.end += chunk.bytes.write(lines, chunk.end, 'latin1');
    if (chunk.end >= CHUNK_BYTES) this.#seal();
  }

  /** An empty chunk that those lines fit into. */
  #begin(lines: string): LineChunk {
    if (FIRST + lines.length > CHUNK_BYTES) return { bytes: Buffer.allocUnsafeSlow(CHUNK_BYTES + lines.length), end: FIRST };
    const spare = this.#spare;
    this.#spare = undefined;
    return spare ?? { bytes: Buffer.allocUnsafeSlow(CHUNK_BYTES), end: FIRST };
  }

  #seal(): void {
    const chunk = this.#open;
    if (chunk === undefined) return;
    this.#open = undefined;
    this.#full.push(chunk);
    this.#fullBytes += chunk.end;
  }
}
