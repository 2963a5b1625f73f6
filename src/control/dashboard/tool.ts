/**
 * Runs `tulle explain` and `tulle analyze` for the dashboard, as people would: the same code, in a process of its own, so
 * that whatever it takes is not taken from the proxies' streams.
 */
import { execFile } from 'node:child_process';
import { ProtocolError } from '../../core/errors.ts';

/** The program and its first arguments, e.g. `[node, bin/tulle.js]`. */
export type Self = readonly [string, ...string[]];

/** `tulle` itself, asked for JSON. */
export interface Tool {
  /** Runs a command that prints JSON. Throws ProtocolError with what it said where it refuses. */
  run(args: readonly string[]): Promise<unknown>;
}

const TIMEOUT_MS = 30_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** How many run at once; the rest is refused rather than kept waiting. */
const RUNNING_MAX = 3;

interface Ended {
  readonly out: string;
  readonly said: string;
  readonly isKilled: boolean;
}

function execute(self: Self, args: readonly string[]): Promise<Ended> {
  const [program, ...first] = self;
  return new Promise((resolve) => {
    execFile(
      program,
      [...first, ...args],
      { timeout: TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX, killSignal: 'SIGKILL' },
      (error, out, said) => {
        resolve({ out, said, isKilled: error?.killed === true });
      },
    );
  });
}

/** Runs commands of `self` on the mesh of `stateDir`. */
export function createTool(self: Self, stateDir: string): Tool {
  let running = 0;
  return {
    async run(args) {
      if (running >= RUNNING_MAX) throw new ProtocolError('busy', 429, `${RUNNING_MAX} such questions are being answered; ask again`);
      running += 1;
      try {
        const { out, said, isKilled } = await execute(self, [...args, '--state-dir', stateDir, '-o', 'json']);
        if (isKilled) throw new ProtocolError('slow', 504, `no answer in ${TIMEOUT_MS / 1000} s`);
        if (out.trim() === '') throw new ProtocolError('refused', 422, said.trim().replace(/^tulle: /, ''));
        const answer: unknown = JSON.parse(out);
        return answer;
      } finally {
        running -= 1;
      }
    },
  };
}
