/** The control plane as a child of `tulle up`. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isOk } from '../admin-client.ts';
import { CONTROL_FLAGS } from '../control-flags.ts';
import { CliError } from '../errors.ts';
import type { StateDir } from '../state-dir.ts';
import { keepRunning } from './child.ts';
import type { RunRecord } from './run-record.ts';

const POLL_MS = 50;
const READY_TIMEOUT_MS = 30_000;
const GRACE_MS = 5_000;
const LAST_LINES = 5;

export interface ControlPlaneOptions {
  readonly folder: string;
  readonly state: StateDir;
  readonly self: readonly [string, string];
  readonly env: NodeJS.ProcessEnv;
  readonly record: RunRecord;
  /** Gets what people should see of its output. */
  readonly say: (line: string) => void;
  readonly isVerbose: boolean;
  /** Life of workloads' certificates; undefined: the control plane's own. */
  readonly certTtlMs: number | undefined;
  /** Further arguments of `tulle control`. */
  readonly more: readonly string[];
}

/** A log line as people read it who see it at once. */
function withoutTime(line: string): string {
  return line.replace(/^\d{4}-\d\d-\d\dT\S+ /, '');
}

/** Starts the control plane and waits until it is ready; rejects with its last words where it ends before. Resolves with how to stop it. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<() => Promise<void>> {
  const { folder, state, self, env, record, say, isVerbose, certTtlMs, more } = options;
  const [node, script] = self;
  const last: string[] = [];
  /** What is wrong with the folder at the start; told once it is clear that the start succeeds. */
  const troubles: string[] = [];
  let isUp = false;
  let failure: string | undefined;
  const child = keepRunning({
    command: [
      node,
      ...CONTROL_FLAGS,
      script,
      'control',
      folder,
      '--state-dir',
      state.root,
      ...(certTtlMs === undefined ? [] : ['--cert-ttl', `${certTtlMs}ms`]),
      ...more,
    ],
    env,
    cwd: process.cwd(),
    start: (action) => action(),
    output: { logFile: path.join(state.logs, 'control.log') },
    onLine: (line) => {
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
      const isTrouble = /^\S+ (?:warn|error) /.test(line);
      if (isVerbose || (isUp && isTrouble)) say(`control: ${withoutTime(line)}`);
      else if (isTrouble) troubles.push(line);
    },
    random: Math.random,
    onStart: (pid) => record.started(pid),
    onExit: (how) => {
      if (!isUp) failure = how;
      else say(`control plane ${how}; proxies go on with what they have`);
      return isUp;
    },
    onBackoff: (ms) => say(`control plane starts again in ${ms} ms`),
  });
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  while (!(await isOk(state.adminSocket, '/ready'))) {
    if (failure === undefined && performance.now() < deadlineMs) await delay(POLL_MS);
    else {
      await child.stop(GRACE_MS);
      const words = last.map((line) => `\n  ${line}`).join('');
      throw new CliError(
        `the control plane ${failure ?? `was not ready in ${READY_TIMEOUT_MS / 1000} s`}${words}`,
        `its log is ${path.join(state.logs, 'control.log')}`,
      );
    }
  }
  isUp = true;
  for (const line of troubles.splice(0)) say(`control: ${withoutTime(line)}`);
  return () => child.stop(GRACE_MS);
}
