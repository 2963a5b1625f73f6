/**
 * Where access log lines go: files, standard output and standard error. Lines are gathered and written in one call a
 * second, or for each 256 KiB where more comes; a file that does not keep up or cannot be written, such as on a full disk,
 * loses lines, counted, before it costs memory. Pipes take what they have room for, and are asked again for the rest:
 * 64 KiB is all that a pipe holds, whose reader need not be slow for that to be full.
 */
import { closeSync, constants, openSync, statSync, write, writeSync } from 'node:fs';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { type LineChunk, LineChunks } from './line-chunks.ts';
import type { Counter, StatsScope } from './stats.ts';

const FLUSH_INTERVAL_MS = 1000;
/** Characters gathered for whoever writes for us: as text, which is not to grow old. */
const RELAY_CHARS = 8 * 1024;
/** What waits for one file, about, above which lines are dropped. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** A named pipe is not waited for: neither for somebody who opens it for reading, nor for room in it. */
const OPEN_FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
/** How long a pipe without room is left alone at first, and at most. */
const RETRY_MS = { first: 5, most: 100 } as const;
/** How long one who ends waits for room in a pipe. */
const LAST_PATIENCE_MS = 500;

export interface LogSink {
  /** Where lines for a file go; `/dev/stdout` and `/dev/stderr` are the process's own. */
  target(path: string): LogTarget;
}

interface LogTarget {
  /** Takes one line with its newline; each character is a byte. */
  write(line: string): void;
}

interface BufferedTarget extends LogTarget {
  /** Begins to write what waits. */
  flush(): void;
  /** Writes what waits before it returns. */
  flushSync(): void;
  reopen(): void;
  close(): void;
}

export interface FileLogSink extends LogSink {
  /** Opens every file anew, after whoever rotates them has moved them away. */
  reopen(): void;
  /** Writes what is gathered, waiting for it; the sink goes on. */
  flush(): void;
  /** Flushes, closes the files and stops the timer. */
  close(): void;
}

interface Counters {
  /** Lines that are in no file: it did not keep up, or could not be written. */
  readonly dropped: Counter;
  readonly failed: Counter;
}

const STANDARD = new Map([
  ['/dev/stdout', 1],
  ['/dev/stderr', 2],
]);

const NEWLINE = 0x0a;

/** Whether a pipe has no room now. */
function hasNoRoom(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}

function linesIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

/** What a pipe had no room for: a chunk from `at` on. */
interface Rest {
  readonly chunk: LineChunk;
  readonly at: number;
  readonly timer: NodeJS.Timeout;
}

/** One file: lines waiting, and at most one write under way. */
class FileTarget implements BufferedTarget {
  readonly #path: string;
  readonly #counters: Counters;
  readonly #log: Log;
  readonly #lines = new LineChunks();
  #fd: number | undefined;
  #isWriting = false;
  /** Of the write under way, while its pipe has no room. */
  #rest: Rest | undefined = undefined;
  #isReopening = false;
  /** The file ends within a line, the rest of which could not be written. */
  #isTorn = false;
  #hasWarned = false;

  constructor(path: string, counters: Counters, log: Log) {
    this.#path = path;
    this.#counters = counters;
    this.#log = log;
    this.#fd = this.#open();
  }

  write(line: string): void {
    const lines = this.#lines;
    if (lines.size + line.length > MAX_WAITING_BYTES) {
      this.#counters.dropped.value++;
      this.#warn('it does not keep up');
      return;
    }
    lines.add(line);
    if (lines.hasFull) this.flush();
  }

  flush(): void {
    if (this.#isWriting || this.#lines.size === 0) return;
    const fd = this.#opened();
    const chunk = this.#lines.take();
    if (fd !== undefined && chunk !== undefined) this.#start(fd, chunk, this.#startOf(chunk));
  }

  /** Writes what waits before it returns; a write under way ends on its own. */
  flushSync(patienceMs = 0): void {
    const rest = this.#rest;
    if (rest === undefined && this.#lines.size === 0) return;
    const fd = this.#opened();
    if (fd === undefined) return;
    const untilMs = performance.now() + patienceMs;
    if (rest !== undefined) {
      clearTimeout(rest.timer);
      this.#rest = undefined;
      this.#isWriting = false;
      this.#writeSync(fd, rest.chunk, rest.at, untilMs);
    }
    for (let chunk = this.#lines.take(); chunk !== undefined; chunk = this.#lines.take()) {
      this.#writeSync(fd, chunk, this.#startOf(chunk), untilMs);
    }
  }

  #writeSync(fd: number, chunk: LineChunk, from: number, untilMs: number): void {
    let at = from;
    while (at < chunk.end) {
      try {
        at += writeSync(fd, chunk.bytes, at, chunk.end - at);
      } catch (error) {
        if (hasNoRoom(error) && performance.now() < untilMs) {
          // made when it is needed: there is no shared memory where a start-up snapshot is made
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS.first);
          continue;
        }
        this.#lose(chunk, at);
        this.#fail(error);
        break;
      }
    }
    this.#lines.release(chunk);
  }

  /** Where what is to be written begins: behind a torn line with a newline. */
  #startOf({ bytes }: LineChunk): number {
    if (!this.#isTorn) return 1;
    this.#isTorn = false;
    bytes[0] = NEWLINE;
    return 0;
  }

  /** Of a chunk only what is before `at` could be written. */
  #lose({ bytes, end }: LineChunk, at: number): void {
    // at 0 is what was to end a torn line
    this.#counters.dropped.value += linesIn(bytes.subarray(Math.max(1, at), end));
    this.#isTorn = at === 0 || (at > 1 && bytes[at - 1] !== NEWLINE);
  }

  reopen(): void {
    if (STANDARD.has(this.#path)) return;
    this.#isReopening = this.#isWriting && this.#rest === undefined;
    if (this.#isReopening) return;
    this.close(0);
    this.#fd = this.#open();
  }

  close(patienceMs = LAST_PATIENCE_MS): void {
    this.flushSync(patienceMs);
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined && !STANDARD.has(this.#path)) closeSync(fd);
  }

  /** The file, which may be there by now where it could not be opened; where it is not, what waits for it is lost. */
  #opened(): number | undefined {
    this.#fd ??= this.#open();
    if (this.#fd !== undefined) return this.#fd;
    for (let chunk = this.#lines.take(); chunk !== undefined; chunk = this.#lines.take()) {
      this.#counters.dropped.value += linesIn(chunk.bytes.subarray(1, chunk.end));
      this.#lines.release(chunk);
    }
    return undefined;
  }

  #open(): number | undefined {
    const standard = STANDARD.get(this.#path);
    if (standard !== undefined) return standard;
    try {
      return openSync(this.#path, OPEN_FLAGS);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #start(fd: number, chunk: LineChunk, at: number, retryMs: number = RETRY_MS.first): void {
    this.#isWriting = true;
    write(fd, chunk.bytes, at, chunk.end - at, undefined, (error, written) => {
      if (error === null && at + written < chunk.end) return this.#start(fd, chunk, at + written);
      if (error !== null && hasNoRoom(error)) return this.#wait(fd, chunk, at, retryMs);
      this.#isWriting = false;
      if (error !== null) {
        this.#lose(chunk, at);
        this.#fail(error);
      }
      this.#lines.release(chunk);
      if (this.#isReopening) this.reopen();
      if (this.#lines.hasFull) this.flush();
    });
  }

  /** Writes the rest of a chunk when its pipe may have room again. */
  #wait(fd: number, chunk: LineChunk, at: number, ms: number): void {
    const timer = setTimeout(() => {
      this.#rest = undefined;
      this.#start(fd, chunk, at, Math.min(2 * ms, RETRY_MS.most));
    }, ms);
    timer.unref();
    this.#rest = { chunk, at, timer };
    if (this.#isReopening) this.reopen();
  }

  #fail(error: unknown): void {
    this.#counters.failed.value++;
    this.#warn(messageOf(error));
  }

  /** Says once of each file that it has lost lines. */
  #warn(cause: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#log.warn('access log cannot be written', { path: this.#path, cause });
  }
}

/** Takes whole lines for the file of that path. */
export type RelayLines = (path: string, lines: string) => void;

/** Lines that somebody else writes: several writers of a stream or pipe would tear each other's lines. */
class RelayedTarget implements BufferedTarget {
  readonly #path: string;
  readonly #relay: RelayLines;
  #waiting = '';

  constructor(path: string, relay: RelayLines) {
    this.#path = path;
    this.#relay = relay;
  }

  write(line: string): void {
    this.#waiting += line;
    if (this.#waiting.length >= RELAY_CHARS) this.flush();
  }

  flush(): void {
    if (this.#waiting === '') return;
    this.#relay(this.#path, this.#waiting);
    this.#waiting = '';
  }

  flushSync(): void {
    this.flush();
  }

  reopen(): void {}

  close(): void {
    this.flush();
  }
}

/** Whether the kernel puts writes of several writers one after the other: to the end of a file, and nowhere else. */
function isAppendable(path: string): boolean {
  return !STANDARD.has(path) && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? true);
}

/**
 * A sink for an event loop: one target a path, flushed every second. `stats` gets `access_log_file.*`; `relay` takes
 * what several loops must not write each for itself.
 */
export function createLogSink(stats: StatsScope, log: Log, relay?: RelayLines): FileLogSink {
  const targets = new Map<string, BufferedTarget>();
  const scope = stats.scope('access_log_file');
  const counters = { dropped: scope.counter('dropped'), failed: scope.counter('write_failed') };
  const each = (act: (target: BufferedTarget) => void): void => {
    for (const target of targets.values()) act(target);
  };
  const timer = setInterval(() => each((target) => target.flush()), FLUSH_INTERVAL_MS);
  timer.unref();
  return {
    target(path) {
      let target = targets.get(path);
      if (target !== undefined) return target;
      target = relay === undefined || isAppendable(path) ? new FileTarget(path, counters, log) : new RelayedTarget(path, relay);
      targets.set(path, target);
      return target;
    },
    reopen: () => each((target) => target.reopen()),
    flush: () => each((target) => target.flushSync()),
    close() {
      clearInterval(timer);
      each((target) => target.close());
      targets.clear();
    },
  };
}
