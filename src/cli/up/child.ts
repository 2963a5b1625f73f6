/** A process that is kept running: started again, ever more slowly, when it ends by itself. */
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, createWriteStream, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../core/clock.ts';
import { deathsAfter, restartDelayMs } from './backoff.ts';
import { endGroup } from './process-group.ts';

export interface ChildSpec {
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Runs the spawning itself, in the network namespace where it belongs. */
  readonly start: <T>(action: () => T) => T;
  /** A file for both its outputs, or the terminal's own. */
  readonly output: { readonly logFile: string } | 'inherit';
  /** Gets each line of output too, where given. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** It runs. */
  readonly onStart: (pid: number) => void;
  /** It ended by itself; `how` says so in words. Returns whether to start it again. */
  readonly onExit: (how: string, code: number) => boolean;
  /** It will be started again in so many milliseconds. */
  readonly onBackoff?: (delayMs: number) => void;
  readonly random: Random;
}

export interface Child {
  /** Ends it for good: SIGTERM, and SIGKILL after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

interface Ending {
  readonly how: string;
  readonly code: number;
}

function stdioOf(spec: ChildSpec): { stdio: StdioOptions; close: () => void } {
  if (spec.output === 'inherit') return { stdio: 'inherit', close: () => undefined };
  if (spec.onLine !== undefined) return { stdio: ['ignore', 'pipe', 'pipe'], close: () => undefined };
  // the file itself: what a child writes costs the supervisor nothing
  const fd = openSync(spec.output.logFile, 'a', 0o600);
  return { stdio: ['ignore', fd, fd], close: () => closeSync(fd) };
}

/** Copies output to the log file and hands on its lines. */
function follow(child: ChildProcess, spec: ChildSpec): void {
  const { onLine, output } = spec;
  if (onLine === undefined || output === 'inherit') return;
  const file = createWriteStream(output.logFile, { flags: 'a', mode: 0o600 });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    stream.on('data', (chunk: Buffer) => file.write(chunk));
    createInterface({ input: stream }).on('line', onLine);
  }
  child.once('close', () => file.end());
}

function launch(spec: ChildSpec): ChildProcess {
  const [program = '', ...args] = spec.command;
  const { stdio, close } = stdioOf(spec);
  const identity = { ...(spec.uid === undefined ? {} : { uid: spec.uid }), ...(spec.gid === undefined ? {} : { gid: spec.gid }) };
  try {
    // what shares the terminal stays in its foreground group, where Ctrl-C and job control reach it
    const detached = spec.output !== 'inherit';
    return spec.start(() => spawn(program, args, { cwd: spec.cwd, env: spec.env, stdio, detached, ...identity }));
  } finally {
    close();
  }
}

/** How news of a program begins that is not there, or not to be run. */
export const CANNOT_START = 'cannot be started';

function ending(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ how: `${CANNOT_START}: ${error.message}`, code: 127 }));
    child.once('exit', (code, signal) => {
      resolve(signal === null ? { how: `exited with code ${code}`, code: code ?? 1 } : { how: `was ended by ${signal}`, code: 128 });
    });
  });
}

async function stopOne(child: ChildProcess, spec: ChildSpec, graceMs: number): Promise<void> {
  if (child.pid === undefined) return;
  if (spec.output !== 'inherit') return endGroup(child.pid, graceMs);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const kill = setTimeout(() => child.kill('SIGKILL'), graceMs);
  const ended = ending(child);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(kill);
}

/** Starts the child and keeps it running until stopped. */
export function keepRunning(spec: ChildSpec): Child {
  const stopping = new AbortController();
  let current: ChildProcess | undefined;
  const loop = async (): Promise<void> => {
    let deaths = 0;
    while (!stopping.signal.aborted) {
      const startedMs = performance.now();
      current = launch(spec);
      const ended = ending(current);
      follow(current, spec);
      if (current.pid !== undefined) spec.onStart(current.pid);
      const { how, code } = await ended;
      if (stopping.signal.aborted || !spec.onExit(how, code)) return;
      deaths = deathsAfter(deaths, performance.now() - startedMs);
      const delayMs = restartDelayMs(deaths, spec.random);
      spec.onBackoff?.(delayMs);
      await delay(delayMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = loop();
  return {
    async stop(graceMs) {
      stopping.abort();
      if (current !== undefined) await stopOne(current, spec, graceMs);
      await running;
    },
  };
}
