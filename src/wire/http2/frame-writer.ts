/**
 * Writes frames to the sink, and counts those that wait there for a peer that does not read: it can make us answer
 * (PING, SETTINGS, streams to be reset) without end.
 */
import { fault, type Fault } from './faults.ts';
import { DATA, frameHeadText, headersText } from './frames.ts';
import type { FrameSink, Http2Options } from './types.ts';

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

  text(text: string): void {
    this.#frames++;
    this.#writtenBytes += text.length;
    if (!this.#sink.writeText(text)) this.isFull = true;
  }

  headers(id: number, block: string, isEnd: boolean, maxFrameBytes: number): void {
    this.text(headersText(id, block, isEnd, maxFrameBytes));
  }

  /** A DATA frame that does not end its stream; `isBorrowed`: the bytes will change after the call. */
  data(id: number, view: Uint8Array, isBorrowed: boolean): void {
    this.text(frameHeadText(view.length, DATA, 0, id));
    this.#writtenBytes += view.length;
    if (!this.#sink.writeBytes(view, isBorrowed)) this.isFull = true;
  }

  /** To be called now and then, and after what a peer sent was answered: more frames wait than may, or undefined. */
  check(): Fault | undefined {
    if (this.#writtenBytes - this.#sink.pendingBytes >= this.#markBytes) this.#moveMark();
    if (this.#controlFrames - this.#goneControlFrames > this.#options.maxOutboundControlFrames)
      return fault('http2.outbound_control_flood');
    return this.#frames - this.#goneFrames > this.#options.maxOutboundFrames ? fault('http2.outbound_flood') : undefined;
  }

  #moveMark(): void {
    this.#goneFrames = this.#markFrames;
    this.#goneControlFrames = this.#markControlFrames;
    this.#markBytes = this.#writtenBytes;
    this.#markFrames = this.#frames;
    this.#markControlFrames = this.#controlFrames;
  }
}
