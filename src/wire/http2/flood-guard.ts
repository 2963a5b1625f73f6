/**
 * Counters of what costs a peer nothing and us something: each has a limit, above which the connection ends. Names and
 * formulas are Envoy's (`Http2ProtocolOptions`), for users tune them by those.
 */
import { fault, type Fault } from './faults.ts';
import type { Http2Options } from './types.ts';

/** Streams that live longer than this before they are reset cost their client enough. Envoy: `premature_reset_min_stream_lifetime_seconds`. */
export const PREMATURE_MS = 1000;
const FREE_WINDOW_UPDATES = 5;

export class FloodGuard {
  readonly #options: Http2Options;
  #emptyInARow = 0;
  #priorities = 0;
  #windowUpdates = 0;
  #resets = 0;
  /** Streams that were opened, by whichever side. */
  openedStreams = 0;
  /** DATA frames that we have sent: each may be answered by WINDOW_UPDATEs. */
  sentDataFrames = 0;

  constructor(options: Http2Options) {
    this.#options = options;
  }

  /** A DATA, HEADERS or CONTINUATION frame: `isEmpty` where it brought neither payload nor the stream's end. */
  onPayload(isEmpty: boolean): Fault | undefined {
    this.#emptyInARow = isEmpty ? this.#emptyInARow + 1 : 0;
    return this.#emptyInARow > this.#options.maxConsecutiveEmptyFrames ? fault('http2.empty_frame_flood') : undefined;
  }

  onPriority(): Fault | undefined {
    this.#priorities++;
    const limit = this.#options.maxPriorityFramesPerStream * (1 + this.openedStreams);
    return this.#priorities > limit ? fault('http2.priority_flood') : undefined;
  }

  onWindowUpdate(): Fault | undefined {
    this.#windowUpdates++;
    const limit = FREE_WINDOW_UPDATES + 2 * (this.openedStreams + this.#options.maxWindowUpdatesPerDataFrame * this.sentDataFrames);
    return this.#windowUpdates > limit ? fault('http2.window_update_flood') : undefined;
  }

  /** A stream that its client has reset, or made us reset, right after it was opened. */
  onPrematureReset(): Fault | undefined {
    this.#resets++;
    return this.#resets > this.#options.maxPrematureResets ? fault('http2.reset_flood') : undefined;
  }

  /** A stream that has come to a good end: it makes up for one that has not, so that only a majority of resets counts. */
  onStreamDone(): void {
    if (this.#resets > 0) this.#resets--;
  }
}
