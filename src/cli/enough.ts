/** When what goes on by itself has to end: somebody at the terminal, or whoever reads, has enough of it. */
import { fstatSync } from 'node:fs';
import { isReaderGone } from '../net/reader-gone.ts';

/** How long a command goes on for nobody at most. */
const LOOK_MS = 250;

/** Longer than a signal takes that somebody passes on. */
const REPEAT_MS = 500;

export interface Enough {
  readonly signal: AbortSignal;
  readonly end: () => void;
  /** Stops looking. */
  readonly close: () => void;
}

function isPipe(fd: number): boolean {
  const found = fstatSync(fd);
  return found.isFIFO() || found.isSocket();
}

/** Calls `end` once the reader of `fd` has gone; where nobody can tell, the next write does. Returns what stops that. */
function watchReader(fd: number, end: () => void): () => void {
  if (!isPipe(fd)) return () => undefined;
  const timer = setInterval(() => {
    try {
      if (!isReaderGone(fd)) return;
      end();
    } catch {
      // no C library to ask
    }
    clearInterval(timer);
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Ends with SIGINT, SIGTERM, or once nobody reads the standard output any more. */
export function untilEnough(): Enough {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.on('SIGINT', end).on('SIGTERM', end);
  const unwatch = watchReader(process.stdout.fd, end);
  return {
    signal: ended.signal,
    end,
    close: () => {
      unwatch();
      // Ctrl-C may come twice, from the terminal and from bin/tulle: the second one must not kill what ends well
      setTimeout(() => process.off('SIGINT', end).off('SIGTERM', end), REPEAT_MS).unref();
    },
  };
}
