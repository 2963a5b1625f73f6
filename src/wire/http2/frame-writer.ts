/**
 * Writes frames to the sink, and counts those that wait there for a peer that does not read: it can make us answer
 * (PING, SETTINGS, streams to be reset) without end.
 */
import { latin1 } from '../http1/bytes.ts';
import { fault, type Fault } from './faults.ts';
import { DATA, emptyEndText, END_STREAM, frameHeadText, headersText } from './frames.ts';
import type { FrameSink, Http2Options } from './types.ts';

/** Larger pieces are not held: their bytes would have to be copied. */
const HELD_BYTES_MAX = 2048;

export class FrameWriter {
  readonly #sink: FrameSink;
  readonly #options: Http2Options;
  #writtenBytes = 0;
  #frames = 0;
  #controlFrames = 0;
  // Of the frames up to the mark it is known whether they have left as soon as the sink has taken its bytes.
  #markBytes = 0;
  #markFrames = 0;
  #markControlFrames = 0;
  #goneFrames = 0;
  #goneControlFrames = 0;
  #isHolding = false;
  /**
   * DATA that was not written yet, for its stream may end with it: most bodies are one piece and their end follows in the
   * same turn. A frame less to write, and for the peer to read.
   */
  #heldId = 0;
  #held = '';
  /** The sink has asked for a rest; until `Http2Connection.drained`. */
  isFull = false;

  constructor(sink: FrameSink, options: Http2Options) {
    this.#sink = sink;
    this.#options = options;
  }

  /** A frame that the peer makes us send: counted apart. */
  control(text: string): void {
    this.#controlFrames++;
    this.text(text);
  }

  /** From now on the last DATA frame is held until something follows it, or `release`. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Writes what is held. */
  release(): void {
    if (this.#heldId !== 0) this.#releaseWith(0);
  }

  text(text: string): void {
    if (this.#heldId !== 0) this.#releaseWith(0);
    this.#frames++;
    this.#writtenBytes += text.length;
    if (!this.#sink.writeText(text)) this.isFull = true;
  }

  headers(id: number, block: string, isEnd: boolean, maxFrameBytes: number): void {
    this.text(headersText(id, block, isEnd, maxFrameBytes));
  }

  /** A DATA frame that does not end its stream; `isBorrowed`: the bytes will change after the call. */
  data(id: number, view: Uint8Array, isBorrowed: boolean): void {
    if (this.#isHolding && view.length <= HELD_BYTES_MAX) return this.#holdData(id, view);
    this.text(frameHeadText(view.length, DATA, 0, id));
    this.#writtenBytes += view.length;
    if (!this.#sink.writeBytes(view, isBorrowed)) this.isFull = true;
  }

  /** The end of a stream without trailers: a flag of its last DATA where that is held, else a frame of its own. */
  end(id: number): void {
    if (this.#heldId === id) this.#releaseWith(END_STREAM);
    else this.text(emptyEndText(id));
  }

  /** To be called now and then, and after what a peer sent was answered: more frames wait than may, or undefined. */
  check(): Fault | undefined {
    if (this.#writtenBytes - this.#sink.pendingBytes >= this.#markBytes) this.#moveMark();
    if (this.#controlFrames - this.#goneControlFrames > this.#options.maxOutboundControlFrames)
      return fault('http2.outbound_control_flood');
    return this.#frames - this.#goneFrames > this.#options.maxOutboundFrames ? fault('http2.outbound_flood') : undefined;
  }

  #holdData(id: number, view: Uint8Array): void {
    this.release();
    this.#heldId = id;
    this.#held = latin1(view, 0, view.length);
    // so that the sink knows that there is something to write
    if (!this.#sink.writeText('')) this.isFull = true;
  }

  #releaseWith(flags: number): void {
    const id = this.#heldId;
    const payload = this.#held;
    this.#heldId = 0;
    this.#held = '';
    this.text(frameHeadText(payload.length, DATA, flags, id) + payload);
  }

  #moveMark(): void {
    this.#goneFrames = this.#markFrames;
    this.#goneControlFrames = this.#markControlFrames;
    this.#markBytes = this.#writtenBytes;
    this.#markFrames = this.#frames;
    this.#markControlFrames = this.#controlFrames;
  }
}
