/**
 * Sends DATA within the peer's windows (RFC 9113 section 5.2). What a window does not let out waits on its stream; when
 * the connection's window opens, streams that wait take turns, one frame each.
 *
 * A stream whose `sendData` gave false is in one of three places: it waits for its own window (only its `queue` says so),
 * for the connection's window or the sink (`#blocked`), or has nothing left to send and waits for the sink (`#waiting`).
 */
import { fault, type Fault } from './faults.ts';
import type { FloodGuard } from './flood-guard.ts';
import type { FrameWriter } from './frame-writer.ts';
import { INITIAL_WINDOW, MAX_FRAME_BYTES, MAX_WINDOW } from './frames.ts';
import type { Stream } from './stream.ts';

const EMPTY = new Uint8Array(0);

/** Takes at most `size` bytes off a queue; a piece that is shorter goes as it is. */
function takeFrame(queue: Uint8Array[], size: number): Uint8Array {
  const [piece = EMPTY] = queue;
  if (piece.length <= size) {
    queue.shift();
    return piece;
  }
  queue[0] = piece.subarray(size);
  return piece.subarray(0, size);
}

export class SendScheduler {
  readonly #writer: FrameWriter;
  readonly #guard: FloodGuard;
  /** Ends our side of a stream on the wire, after its last data. */
  readonly #finish: (stream: Stream) => void;
  readonly #blocked = new Set<Stream>();
  readonly #waiting = new Set<Stream>();
  #window = INITIAL_WINDOW;
  maxFrameBytes = MAX_FRAME_BYTES;

  constructor(writer: FrameWriter, guard: FloodGuard, finish: (stream: Stream) => void) {
    this.#writer = writer;
    this.#guard = guard;
    this.#finish = finish;
  }

  /** Sends a borrowed piece or the part that the windows allow. False: wait for `onDrain`. */
  send(stream: Stream, view: Uint8Array): boolean {
    const length = view.length;
    if (stream.queue !== undefined) {
      stream.queue.push(new Uint8Array(view));
      return false;
    }
    if (length <= stream.sendWindow && length <= this.#window && length <= this.maxFrameBytes) {
      if (length > 0) this.#write(stream, view, true);
    } else if (!this.#sendParts(stream, view)) return false;
    if (!this.#writer.isFull) return true;
    this.#waiting.add(stream);
    return false;
  }

  /** The sink takes more again. */
  drained(): void {
    this.#pump();
    for (const stream of this.#waiting) {
      if (this.#writer.isFull) return;
      this.#waiting.delete(stream);
      stream.reader.onDrain();
    }
  }

  /** WINDOW_UPDATE of the connection. */
  openConnection(increment: number): Fault | undefined {
    this.#window += increment;
    if (this.#window > MAX_WINDOW) return fault('http2.window_overflow');
    this.#pump();
    return undefined;
  }

  /** WINDOW_UPDATE of a stream, or a change of the initial window (negative too). */
  openStream(stream: Stream, increment: number): Fault | undefined {
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_WINDOW) return fault('http2.window_overflow');
    if (stream.queue === undefined || stream.sendWindow <= 0) return undefined;
    this.#blocked.add(stream);
    this.#pump();
    return undefined;
  }

  /** The stream is closed. */
  forget(stream: Stream): void {
    if (this.#blocked.size > 0) this.#blocked.delete(stream);
    if (this.#waiting.size > 0) this.#waiting.delete(stream);
  }

  #write(stream: Stream, view: Uint8Array, isBorrowed: boolean): void {
    stream.sendWindow -= view.length;
    this.#window -= view.length;
    this.#guard.sentDataFrames++;
    this.#writer.data(stream.id, view, isBorrowed);
  }

  /** False: a part had to be queued. */
  #sendParts(stream: Stream, view: Uint8Array): boolean {
    let at = 0;
    while (at < view.length) {
      const size = Math.min(view.length - at, stream.sendWindow, this.#window, this.maxFrameBytes);
      if (size <= 0) {
        stream.queue = [new Uint8Array(view.subarray(at))];
        if (stream.sendWindow > 0) this.#blocked.add(stream);
        return false;
      }
      this.#write(stream, view.subarray(at, at + size), true);
      at += size;
    }
    return true;
  }

  /** One frame for each stream that waits, again and again: what is put back into the set is visited once more. */
  #pump(): void {
    for (const stream of this.#blocked) {
      if (this.#window <= 0 || this.#writer.isFull) return;
      this.#blocked.delete(stream);
      this.#sendQueued(stream);
    }
  }

  #sendQueued(stream: Stream): void {
    const { queue } = stream;
    if (queue === undefined || stream.sendWindow <= 0) return;
    const piece = takeFrame(queue, Math.min(stream.sendWindow, this.#window, this.maxFrameBytes));
    this.#write(stream, piece, false);
    if (queue.length > 0) {
      if (stream.sendWindow > 0) this.#blocked.add(stream);
      return;
    }
    stream.queue = undefined;
    if (stream.isEndQueued) this.#finish(stream);
    else if (this.#writer.isFull) this.#waiting.add(stream);
    else stream.reader.onDrain();
  }
}
