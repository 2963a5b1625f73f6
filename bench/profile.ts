/**
 * Profiles of Tulle's processes while a scenario saturates them: of CPU, or of what they allocate. They run from `src/`,
 * so that profiles name its lines.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { HeapProfiler, Profiler, Runtime } from 'node:inspector';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { drive } from './drive.ts';
import { root } from './layout.ts';
import type { Bench } from './measure.ts';
import { PROXY_FLAGS } from '../src/cli/lean-start.ts';
import { peers } from './peers.ts';
import { accepting, stop, usage } from './processes.ts';
import type { Scenario } from './scenarios.ts';

/** What is profiled; also the message that begins it. */
export type ProfileKind = 'cpu' | 'allocations';

const PORT = 20_980;
const ROWS = 20;
/** The profiler's own start, and waiting. */
const OTHER = ['(idle)', 'post node:inspector:115'];

function startProfiled(bench: Bench, scenario: Scenario, hop: number): ChildProcess {
  const isLast = hop === scenario.hops - 1;
  const origin = scenario.ends === 'http2' ? bench.origins.grpcPort : bench.origins.httpPort;
  const place = { scenario, hop, listen: PORT + hop, upstream: isLast ? origin : PORT + hop + 1, folder: bench.folder };
  const launch = peers.find(({ name }) => name === 'tulle')?.launch(place);
  if (launch === undefined) throw new Error(`Tulle has no ${scenario.name} scenario`);
  const hook = path.join(import.meta.dirname, 'profile-hook.ts');
  const args = [...PROXY_FLAGS, '--import', hook, path.join(root, 'bin/tulle.js'), ...launch.args];
  return spawn(process.execPath, args, { stdio: ['ignore', bench.log, bench.log, 'ipc'], env: launch.env });
}

const isCpuProfile = (value: unknown): value is Profiler.Profile => typeof value === 'object' && value !== null && 'nodes' in value;
const isHeapProfile = (value: unknown): value is HeapProfiler.SamplingHeapProfile =>
  typeof value === 'object' && value !== null && 'head' in value;

async function takeProfile(child: ChildProcess): Promise<unknown> {
  child.send('stop');
  const [message]: unknown[] = await once(child, 'message');
  return JSON.parse(String(message));
}

function placeOf({ url, lineNumber, functionName }: Runtime.CallFrame): string {
  const file = url === '' ? '' : ` ${path.relative(root, url.replace('file://', ''))}:${lineNumber + 1}`;
  return `${functionName === '' ? '(anonymous)' : functionName}${file}`;
}

/** Milliseconds by function, callees not included. */
function selfTimes({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Map<string, number> {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const times = new Map<string, number>();
  for (const [i, id] of samples.entries()) {
    const name = names.get(id) ?? '';
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[i] ?? 0) / 1000);
  }
  return times;
}

/** KiB that each function has allocated. */
function allocated({ head }: HeapProfiler.SamplingHeapProfile): Map<string, number> {
  const sizes = new Map<string, number>();
  const add = ({ callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode): void => {
    const name = placeOf(callFrame);
    sizes.set(name, (sizes.get(name) ?? 0) + selfSize / 1024);
    for (const child of children) add(child);
  };
  add(head);
  return sizes;
}

function printTop(figures: Map<string, number>, unit: string, requests: number): void {
  for (const other of OTHER) figures.delete(other);
  const sorted = [...figures].toSorted((a, b) => b[1] - a[1]);
  const total = sorted.reduce((sum, [, value]) => sum + value, 0);
  if (unit === 'KiB' && requests > 0) console.log(`${((total * 1024) / requests).toFixed(0)} bytes a request`);
  for (const [where, value] of sorted.slice(0, ROWS))
    console.log(`${((100 * value) / total).toFixed(1).padStart(5)} %  ${value.toFixed(0).padStart(6)} ${unit}  ${where}`);
}

function keep(name: string, taken: unknown, requests: number): void {
  const file = path.join(import.meta.dirname, 'results', name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(taken));
  console.log(`\n${file}`);
  if (isCpuProfile(taken)) printTop(selfTimes(taken), 'ms', requests);
  else if (isHeapProfile(taken)) printTop(allocated(taken), 'KiB', requests);
}

/**
 * Profiles every process of Tulle in a scenario. Writes bench/results/<scenario>-<hop>.cpuprofile (or .heapprofile: Chrome's
 * developer tools open both) and prints what took most.
 */
export async function profile(bench: Bench, scenario: Scenario, kind: ProfileKind): Promise<void> {
  const children: ChildProcess[] = [];
  try {
    for (let hop = scenario.hops - 1; hop >= 0; hop--) {
      children.unshift(startProfiled(bench, scenario, hop));
      await accepting(PORT + hop);
    }
    await drive(bench, scenario, PORT, bench.warmUpSeconds);
    for (const child of children) child.send(kind);
    await sleep(100);
    const before = usage(children);
    const { requests } = await drive(bench, scenario, PORT, bench.seconds);
    const after = usage(children);
    const profiles = await Promise.all(children.map((child) => takeProfile(child)));
    const [cpu, user] = [after.cpu - before.cpu, after.user - before.user];
    console.log(`\n${scenario.title}: ${cpu.toFixed(2)} s of CPU, ${((100 * user) / cpu).toFixed(0)} % of it in user mode`);
    const ending = kind === 'cpu' ? 'cpuprofile' : 'heapprofile';
    for (const [hop, taken] of profiles.entries()) keep(`${scenario.name}-${hop}.${ending}`, taken, requests);
  } finally {
    await Promise.all(children.map((child) => stop(child)));
  }
}
