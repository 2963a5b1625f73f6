/** The sending half of a gRPC stream: messages are put in at any time and read as one async sequence. */

/** A queue between code that has messages and a stream that takes them one after the other. */
export interface MessageQueue<T> extends AsyncIterable<T> {
  /** Adds a message; dropped after `close`. */
  push(message: T): void;
  /** Ends the sequence after the messages already put in. */
  close(): void;
}

/** An empty, open queue. It may be read once. */
export function createMessageQueue<T>(): MessageQueue<T> {
  let waiting: T[] = [];
  let isClosed = false;
  let wake: (() => void) | undefined;
  const signal = (): void => {
    wake?.();
    wake = undefined;
  };
  return {
    push(message) {
      if (isClosed) return;
      waiting.push(message);
      signal();
    },
    close() {
      isClosed = true;
      signal();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const batch = waiting;
        waiting = [];
        yield* batch;
        if (waiting.length > 0) continue;
        if (isClosed) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
    },
  };
}
