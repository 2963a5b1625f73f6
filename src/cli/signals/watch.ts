/** Says something again and again: in place on a terminal, one after the other elsewhere. */
import { setTimeout } from 'node:timers/promises';
import { UnreachableError } from '../admin-client.ts';
import { untilEnough } from '../enough.ts';

const CLEAR_BELOW = '\u001b[J';
const CLEAR_LINE = '\u001b[K';
const HOME = '\u001b[H';
/** The terminal's other page, without a cursor: what was there is there again afterwards. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';

export interface WatchOptions {
  readonly everyMs: number;
  /** What is to be seen now; `height` lines have room. */
  readonly render: (height: number) => Promise<readonly string[]>;
  /** A key was pressed that is not `q`. */
  readonly onKey?: (key: string) => void;
}

/** How often {@link printOrWatch} looks again: what proxies push comes every five seconds. */
const WATCH_MS = 2000;

const WAITING = 'the control plane does not answer: waiting for it';

/**
 * Looks that go on while the control plane is away, once it has answered at all: then `waiting` is what is to be seen, of
 * what was seen last.
 */
function patient(
  render: WatchOptions['render'],
  waiting: (last: readonly string[]) => readonly string[],
): (height: number) => Promise<readonly string[]> {
  let last: readonly string[] | undefined;
  return async (height) => {
    try {
      last = await render(height);
      return last;
    } catch (error) {
      if (last === undefined || !(error instanceof UnreachableError)) throw error;
      return waiting(last).slice(0, height);
    }
  };
}

/** Writes lines over those that are there. */
function paintPage(lines: readonly string[]): void {
  process.stdout.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join('\n')}${CLEAR_BELOW}`);
}

async function watchTerminal({ everyMs, render, onKey }: WatchOptions): Promise<void> {
  const { stdin, stdout } = process;
  const { signal, end, close } = untilEnough();
  const look = patient(render, (last) => [`${WAITING}; this was before`, '', ...last]);
  let wake = new AbortController();
  const again = (): void => wake.abort();
  const press = (key: Buffer): void => {
    const text = key.toString();
    if (text === 'q' || text === '\u0003') end();
    else onKey?.(text);
    again();
  };
  stdout.write(ENTER);
  if (stdin.isTTY) stdin.setRawMode(true).on('data', press).resume();
  signal.addEventListener('abort', again);
  stdout.on('resize', again);
  try {
    while (!signal.aborted) {
      wake = new AbortController();
      paintPage(await look(stdout.rows));
      await setTimeout(everyMs, undefined, { signal: wake.signal }).catch(() => undefined);
    }
  } finally {
    stdout.write(LEAVE);
    if (stdin.isTTY) stdin.setRawMode(false).off('data', press).pause();
    stdout.off('resize', again);
    close();
  }
}

async function watchLines({ everyMs, render }: WatchOptions): Promise<void> {
  const { signal, close } = untilEnough();
  let isWaiting = false;
  const look = patient(render, () => {
    if (!isWaiting) process.stderr.write(`tulle: ${WAITING}\n`);
    isWaiting = true;
    return [];
  });
  try {
    while (!signal.aborted) {
      const lines = await look(Infinity);
      if (lines.length > 0) {
        isWaiting = false;
        process.stdout.write(`${lines.join('\n')}\n`);
      }
      await setTimeout(everyMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    close();
  }
}

/** Until `q` or Ctrl-C on a terminal, else until Ctrl-C or until whoever reads has enough. */
export async function watch(options: WatchOptions): Promise<void> {
  return process.stdout.isTTY ? watchTerminal(options) : watchLines(options);
}

/** Prints what `text` gives: once, or again and again. */
export async function printOrWatch(text: () => Promise<string>, isWatched: boolean): Promise<void> {
  if (isWatched) await watch({ everyMs: WATCH_MS, render: async (height) => (await text()).split('\n').slice(0, height) });
  else process.stdout.write(`${await text()}\n`);
}
