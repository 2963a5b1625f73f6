/** Processes as a supervisor sees them: each leads a group of its own, so that what it starts ends with it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** When it started, in the system's own words. */
  readonly started: string;
}

function startOf(pid: number): string | undefined {
  if (process.platform !== 'linux') {
    const started = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
    return started === '' ? undefined : started;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the second field, in brackets, may hold spaces; state is the 3rd field, starttime the 22nd
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The identity of a running process; undefined where there is none. */
export function processId(pid: number): ProcessId | undefined {
  const started = startOf(pid);
  return started === undefined ? undefined : { pid, started };
}

/** True while that very process runs. */
export function isRunning(id: ProcessId): boolean {
  return startOf(id.pid) === id.started;
}

/** Signals a process group; a group that is gone is no error. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // gone already
  }
}

function groupExists(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Asks a process group to end, waits up to `graceMs`, then kills it; resolves when no process of it is left. */
export async function endGroup(pid: number, graceMs: number): Promise<void> {
  signalGroup(pid, 'SIGTERM');
  const deadlineMs = performance.now() + graceMs;
  while (groupExists(pid)) {
    if (performance.now() >= deadlineMs) signalGroup(pid, 'SIGKILL');
    await delay(POLL_MS);
  }
}
