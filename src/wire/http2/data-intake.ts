/** DATA as it comes in: against the windows (RFC 9113 section 5.2), the stream's state and the declared length. */
import type { ConnectionCore } from './connection-core.ts';
import { fault } from './faults.ts';
import { END_STREAM } from './frames.ts';
import type { Stream } from './stream.ts';

export class DataIntake {
  readonly #core: ConnectionCore;
  /** Of the frame that is being read; undefined where nobody reads it. */
  #stream: Stream | undefined = undefined;
  #isEnd = false;
  #bytes = 0;

  constructor(core: ConnectionCore) {
    this.#core = core;
  }

  /** A frame's head. Its whole length is taken off the windows, padding too. */
  begin(flags: number, id: number, length: number): void {
    const core = this.#core;
    this.#isEnd = (flags & END_STREAM) !== 0;
    this.#bytes = 0;
    this.#stream = undefined;
    if (id === 0) return core.fatal(fault('http2.stream_id'));
    if (!core.window.take(length)) return core.fatal(fault('http2.flow_control'));
    const stream = core.streams.get(id);
    if (stream === undefined) this.#beginUnread(id, length);
    else if (stream.isRemoteEnd) core.streamFault(stream, fault('http2.stream_closed'));
    else if (!core.isServer && !stream.hasHead) core.malformed(stream, fault('http2.head_order'));
    else if (!stream.window.take(length)) core.streamFault(stream, fault('http2.flow_control'));
    else this.#stream = stream;
  }

  /** What is on the way to a stream that was reset is passed over. */
  #beginUnread(id: number, length: number): void {
    if (this.#core.isIdleId(id)) this.#core.fatal(fault('http2.idle_stream'));
    else if (!this.#core.resets.forgivesData(id, length)) this.#core.fatal(fault('http2.stream_closed'));
  }

  /** Some of a frame's bytes, borrowed. */
  piece(view: Uint8Array): void {
    const stream = this.#stream;
    const { length } = view;
    this.#bytes += length;
    if (stream === undefined || stream.isReset) return this.#core.giveBackToConnection(length);
    if (stream.bodyLeft >= 0) {
      if (length > stream.bodyLeft) {
        this.#core.giveBackToConnection(length);
        return this.#core.streamFault(stream, fault('http2.body_length'));
      }
      stream.bodyLeft -= length;
    }
    stream.onPiece(view);
  }

  /** The frame's end. `padding` was no data, and is given back at once. */
  end(padding: number): void {
    const core = this.#core;
    const stream = this.#stream;
    this.#stream = undefined;
    if (padding > 0 && stream !== undefined) core.giveBack(stream, padding);
    else if (padding > 0) core.giveBackToConnection(padding);
    if (!core.check(core.guard.onPayload(this.#bytes === 0 && !this.#isEnd))) return;
    if (this.#isEnd && stream !== undefined && !stream.isReset) core.remoteEnd(stream, undefined);
  }
}
