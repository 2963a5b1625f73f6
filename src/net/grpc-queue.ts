/** The sending half of a gRPC stream: messages are put in at any time and read as one async sequence. */

/** A queue between code that has messages and a stream that takes them one after the other. */
export interface MessageQueue<T> extends AsyncIterable<T> {
  /** Messages that were put in and that nobody has taken yet. */
  readonly size: number;
  /** Adds a message; dropped after `close`. */
  push(message: T): void;
  /** Ends the sequence after the messages already put in. */
  close(): void;
}

/** An empty, open queue. It may be read once. */
export function createMessageQueue<T>(): MessageQueue<T> {
  let waiting: T[] = [];
  let size = 0;
  let isClosed = false;
  let wake: (() => void) | undefined;
  const signal = (): void => {
    wake?.();
    wake = undefined;
  };
  return {
    get size() {
      return size;
    },
    push(message) {
      if (isClosed) return;
      size++;
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
        for (const message of batch) {
          size--;
          yield message;
        }
        if (waiting.length > 0) continue;
        if (isClosed) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
    },
  };
}
