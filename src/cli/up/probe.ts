/** Readiness probes, with the meaning that Kubernetes gives their fields. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ReadinessProbe } from '../../model/workload.ts';

/** What a probe needs of the place where its application runs. */
export interface ProbeTarget {
  /** Connects to one of the application's declared ports. */
  connect(port: number, timeoutMs: number): Promise<Socket>;
  readonly start: <T>(action: () => T) => T;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

async function httpAnswers(target: ProbeTarget, port: number, path: string, timeoutMs: number): Promise<boolean> {
  const socket = await target.connect(port, timeoutMs);
  const outgoing = request({
    createConnection: () => socket,
    path,
    headers: { host: 'localhost', 'user-agent': 'tulle-probe', connection: 'close' },
  });
  outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error(`no answer in ${timeoutMs} ms`)));
  try {
    const answered = once(outgoing, 'response');
    outgoing.end();
    const [response]: IncomingMessage[] = await answered;
    const status = response?.statusCode ?? 0;
    return status >= 200 && status < 400;
  } finally {
    socket.destroy();
  }
}

async function execSucceeds(target: ProbeTarget, command: readonly string[], timeoutMs: number): Promise<boolean> {
  const [program = '', ...args] = command;
  const identity = { ...(target.uid === undefined ? {} : { uid: target.uid }), ...(target.gid === undefined ? {} : { gid: target.gid }) };
  const options = { cwd: target.cwd, env: target.env, stdio: 'ignore', timeout: timeoutMs, killSignal: 'SIGKILL', ...identity } as const;
  const child = target.start(() => spawn(program, args, options));
  const [code] = await once(child, 'exit');
  return code === 0;
}

/** Runs a probe's check once; a check that cannot be made has failed. */
export async function checkOnce(probe: ReadinessProbe, target: ProbeTarget): Promise<boolean> {
  const { check, timeoutMs } = probe;
  try {
    if (check.kind === 'http') return await httpAnswers(target, check.port, check.path, timeoutMs);
    if (check.kind === 'exec') return await execSucceeds(target, check.command, timeoutMs);
    (await target.connect(check.port, timeoutMs)).destroy();
    return true;
  } catch {
    return false;
  }
}

/** Readiness after one more result: it turns when enough results in a row say so. */
export function nextReadiness(probe: ReadinessProbe, isReady: boolean, results: readonly boolean[]): boolean {
  const threshold = isReady ? probe.failureThreshold : probe.successThreshold;
  const last = results.slice(-threshold);
  return last.length === threshold && last.every((result) => result !== isReady) ? !isReady : isReady;
}

/** Probes until `signal` aborts and tells every change of readiness, which begins as false. */
export async function probeUntil(
  signal: AbortSignal,
  probe: ReadinessProbe,
  check: () => Promise<boolean>,
  onChange: (isReady: boolean) => void,
): Promise<void> {
  const kept = Math.max(probe.failureThreshold, probe.successThreshold);
  let isReady = false;
  let results: boolean[] = [];
  const wait = (ms: number): Promise<void> => delay(ms, undefined, { signal }).catch(() => undefined);
  await wait(probe.initialDelayMs);
  while (!signal.aborted) {
    results = [...results, await check()].slice(-kept);
    if (signal.aborted) return;
    const next = nextReadiness(probe, isReady, results);
    if (next !== isReady) onChange(next);
    isReady = next;
    await wait(probe.periodMs);
  }
}
