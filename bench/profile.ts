/** CPU profiles of Tulle's processes while a scenario saturates them, run from `src/` so that they name its lines. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fetchBulk, saturate, saturateGrpc } from './load.ts';
import { root } from './layout.ts';
import type { Bench } from './measure.ts';
import { peers } from './peers.ts';
import { accepting, stop, usage } from './processes.ts';
import type { Scenario } from './scenarios.ts';

const PORT = 20_980;
const ROWS = 20;

function startProfiled(bench: Bench, scenario: Scenario, hop: number): ChildProcess {
  const isLast = hop === scenario.hops - 1;
  const origin = scenario.ends === 'http2' ? bench.origins.grpcPort : bench.origins.httpPort;
  const place = { scenario, hop, listen: PORT + hop, upstream: isLast ? origin : PORT + hop + 1, folder: bench.folder };
  const launch = peers.find(({ name }) => name === 'tulle')?.launch(place);
  if (launch === undefined) throw new Error(`Tulle has no ${scenario.name} scenario`);
  const hook = path.join(import.meta.dirname, 'profile-hook.ts');
  const args = ['--import', hook, path.join(root, 'bin/tulle.js'), ...launch.args.slice(1)];
  return spawn(launch.command, args, { stdio: ['ignore', bench.log, bench.log, 'ipc'], env: launch.env });
}

const isProfile = (value: unknown): value is Profiler.Profile => typeof value === 'object' && value !== null && 'nodes' in value;

async function takeProfile(child: ChildProcess): Promise<Profiler.Profile> {
  child.send('stop');
  const [message]: unknown[] = await once(child, 'message');
  const profile: unknown = JSON.parse(String(message));
  if (!isProfile(profile)) throw new Error('the proxy sent something else than a profile');
  return profile;
}

/** Milliseconds by function, callees not included, the most first. */
function selfTimes(profile: Profiler.Profile): [where: string, ms: number][] {
  const names = new Map<number, string>();
  for (const { id, callFrame } of profile.nodes) {
    const file = callFrame.url === '' ? '' : ` ${path.relative(root, callFrame.url.replace('file://', ''))}:${callFrame.lineNumber + 1}`;
    names.set(id, `${callFrame.functionName === '' ? '(anonymous)' : callFrame.functionName}${file}`);
  }
  const times = new Map<string, number>();
  for (const [i, id] of (profile.samples ?? []).entries()) {
    const name = names.get(id) ?? '';
    times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas?.[i] ?? 0) / 1000);
  }
  // 'post' is the profiler's own start
  for (const other of ['(idle)', 'post node:inspector:115']) times.delete(other);
  return [...times].toSorted((a, b) => b[1] - a[1]);
}

function printProfile(profile: Profiler.Profile): void {
  const times = selfTimes(profile);
  const total = times.reduce((sum, [, ms]) => sum + ms, 0);
  for (const [where, ms] of times.slice(0, ROWS))
    console.log(`${((100 * ms) / total).toFixed(1).padStart(5)} %  ${ms.toFixed(0).padStart(5)} ms  ${where}`);
}

async function run(bench: Bench, { load }: Scenario, seconds: number): Promise<void> {
  if (load === 'bulk') await fetchBulk(PORT, seconds);
  else if (load === 'grpc') await saturateGrpc(PORT, seconds, bench.folder);
  else await saturate(PORT, seconds, bench.connections, bench.folder);
}

/** Profiles every process of Tulle in a scenario; writes bench/results/<scenario>-<hop>.cpuprofile, prints what took longest. */
export async function profile(bench: Bench, scenario: Scenario): Promise<void> {
  const children: ChildProcess[] = [];
  try {
    for (let hop = scenario.hops - 1; hop >= 0; hop--) {
      children.unshift(startProfiled(bench, scenario, hop));
      await accepting(PORT + hop);
    }
    await run(bench, scenario, bench.warmUpSeconds);
    for (const child of children) child.send('start');
    await sleep(100);
    const before = usage(children);
    await run(bench, scenario, bench.seconds);
    const after = usage(children);
    const profiles = await Promise.all(children.map((child) => takeProfile(child)));
    const [cpu, user] = [after.cpu - before.cpu, after.user - before.user];
    console.log(`${scenario.title}: ${cpu.toFixed(2)} s of CPU, ${((100 * user) / cpu).toFixed(0)} % of it in user mode`);
    mkdirSync(path.join(import.meta.dirname, 'results'), { recursive: true });
    for (const [hop, taken] of profiles.entries()) {
      const file = path.join(import.meta.dirname, `results/${scenario.name}-${hop}.cpuprofile`);
      writeFileSync(file, JSON.stringify(taken));
      console.log(`\n${file}`);
      printProfile(taken);
    }
  } finally {
    await Promise.all(children.map((child) => stop(child)));
  }
}
