/** CPU and memory of processes as Linux accounts them, and starting and stopping what is measured. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TICKS_PER_SECOND = 100;

/** What processes have used: CPU in seconds (`user` by the clock's ticks of 10 ms), memory in MiB. */
export interface Usage {
  readonly cpu: number;
  readonly user: number;
  readonly rss: number;
  /** What no other process shares: what stopping it would give back. */
  readonly privateDirty: number;
}

/** CPU seconds of a process's threads. Source: /proc/pid/task/tid/schedstat, nanoseconds. */
function cpuSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
  return nanoseconds / 1e9;
}

/** Seconds in user mode. Source: proc(5), /proc/pid/stat. */
function userSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[11]) / TICKS_PER_SECOND;
}

/** Resident memory in MiB. */
export function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
}

function privateDirtyMiB(pid: number): number {
  return Number(/Private_Dirty:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0) / 1024;
}

/** Children of a process, for programs that fork workers (nginx). */
function withChildren(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  return [pid, ...(children === '' ? [] : children.split(' ').flatMap((child) => withChildren(Number(child))))];
}

/** The sum over processes and their children. */
export function usage(children: readonly ChildProcess[]): Usage {
  const pids = children.flatMap((child) => (child.pid === undefined ? [] : withChildren(child.pid)));
  const sum = (figure: (pid: number) => number): number => pids.reduce((total, pid) => total + figure(pid), 0);
  return { cpu: sum(cpuSeconds), user: sum(userSeconds), rss: sum(rssMiB), privateDirty: sum(privateDirtyMiB) };
}

function busyTicks(): { busy: number; all: number } {
  const ticks = readFileSync('/proc/stat', 'latin1').split('\n')[0]?.split(/\s+/).slice(1, 9).map(Number) ?? [];
  const all = ticks.reduce((sum, value) => sum + value, 0);
  return { busy: all - (ticks[3] ?? 0) - (ticks[4] ?? 0), all };
}

/** How much of the machine is in use for `forMs`, in percent: by others, where this program has no load running. */
export async function busyPercent(forMs: number): Promise<number> {
  const before = busyTicks();
  await sleep(forMs);
  const after = busyTicks();
  return (100 * (after.busy - before.busy)) / Math.max(1, after.all - before.all);
}

/** True where a program of this name is on the PATH. */
export function isInstalled(command: string): boolean {
  return (process.env['PATH'] ?? '').split(path.delimiter).some((folder) => existsSync(path.join(folder, command)));
}

const started = new Set<ChildProcess>();
process.on('exit', () => started.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** Starts a program; its output goes to `log`. It ends with this process at the latest. */
export function start(command: string, args: readonly string[], log: number, env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', log, log], env });
  started.add(child);
  child.once('exit', () => started.delete(child));
  return child;
}

/** Resolves when something accepts connections on a loopback port; throws after `timeoutMs`. */
export async function accepting(port: number, timeoutMs = 20_000): Promise<void> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
    if (isOpen) return;
    if (performance.now() > until) throw new Error(`nothing listens on 127.0.0.1:${port} after ${timeoutMs} ms`);
    await sleep(2);
  }
}

/** Ends a process and waits for it. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 3000);
  await ended;
  clearTimeout(force);
}
