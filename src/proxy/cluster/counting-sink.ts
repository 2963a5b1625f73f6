import type { FrameSink } from '../../wire/http2/types.ts';
import type { Counter } from '../telemetry/stats.ts';

/** The same sink, whose bytes are counted. */
export function countingSink(sink: FrameSink, bytesWritten: Counter): FrameSink {
  return {
    writeText(text) {
      bytesWritten.value += text.length;
      return sink.writeText(text);
    },
    writeBytes(bytes, isBorrowed) {
      bytesWritten.value += bytes.length;
      return sink.writeBytes(bytes, isBorrowed);
    },
    get pendingBytes() {
      return sink.pendingBytes;
    },
  };
}
