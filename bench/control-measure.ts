/** One control plane over one mesh: a cold start, then changes, seen from its proxies. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ENDPOINT_TYPE, ROUTE_TYPE, VIRTUAL_HOST_TYPE } from '../src/xds/types.ts';
import type { Command, Report } from './control-clients.ts';
import { hostOf, type MeshSize, namespaceOf, SERVICE_PORT, virtualHostOf, writeMesh, writeRoutes, writeService } from './control-mesh.ts';
import type { Plane } from './control-planes.ts';
import { rssMiB, stop, usage } from './processes.ts';
import { middle } from './report.ts';

/** Latencies are counted from the end of the debounce; of several changes of a kind the median of each figure. */
export interface PlaneFigures {
  readonly syncSeconds: number;
  readonly syncCpuSeconds: number;
  readonly sentMiB: number;
  readonly rssMiB: number;
  readonly peakMiB: number;
  readonly endpointP50Ms: number;
  readonly endpointP99Ms: number;
  readonly endpointCpuMs: number;
  /** Of a VirtualService that is exported to its own namespace. */
  readonly routesP50Ms: number;
  readonly routesP99Ms: number;
  readonly routesCpuMs: number;
  /** Of a VirtualService that everybody sees. */
  readonly allRoutesP99Ms: number;
  readonly allRoutesCpuMs: number;
  /** Arrivals of changes that were waited for in vain. */
  readonly lost: number;
}

const SYNC_MS_MAX = 300_000;
const CHANGE_MS_MAX = 20_000;
/** Quiet time around a change: what a control plane does behind it counts as its CPU. */
const SETTLE_MS = 1000;
/** What a start leaves for later (Tulle writes its history after ten seconds) is not a change's: so many of those times. */
const SETTLES_OF_START = 16;
/** Then it is waited until it does next to nothing: with 20,000 files that takes longer. So many of those times at most. */
const IDLE_TRIES = 60;
const IDLE_SHARE = 0.05;

const nowMs = (): number => performance.timeOrigin + performance.now();

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = net.createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function peakMiB(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
}

async function ask(clients: ChildProcess, command: Command, withinMs: number): Promise<Report> {
  const limit = AbortSignal.timeout(withinMs);
  clients.send(command);
  const [report]: Report[] = await once(clients, 'message', { signal: limit });
  if (report === undefined) throw new Error('the clients said nothing');
  return report;
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

async function untilIdle(plane: ChildProcess, settleMs: number): Promise<void> {
  for (let tried = 0; tried < IDLE_TRIES; tried++) {
    const before = usage([plane]).cpu;
    await sleep(settleMs);
    if ((usage([plane]).cpu - before) * 1000 < IDLE_SHARE * settleMs) return;
  }
}

interface Change {
  readonly typeUrl: string;
  readonly name: string;
  readonly count: number;
  readonly make: (variant: number) => void;
}

interface ChangeFigures {
  readonly p50: number;
  readonly p99: number;
  readonly cpu: number;
  readonly lost: number;
}

interface Measuring {
  readonly plane: ChildProcess;
  readonly clients: ChildProcess;
  readonly debounceMs: number;
  readonly settleMs: number;
}

/** Makes one change and waits for all whom it concerns. */
async function measureChange({ plane, clients, debounceMs, settleMs }: Measuring, change: Change, variant: number): Promise<ChangeFigures> {
  const { typeUrl, name, count } = change;
  await sleep(settleMs);
  const idle = usage([plane]).cpu;
  await sleep(settleMs);
  const before = usage([plane]).cpu;
  const arriving = ask(clients, { watch: { typeUrl, name, count, withinMs: CHANGE_MS_MAX } }, 2 * CHANGE_MS_MAX);
  const changedMs = nowMs();
  change.make(variant);
  const report = await arriving;
  const arrived = 'arrived' in report ? report.arrived.map((ms) => ms - changedMs - debounceMs).toSorted((a, b) => a - b) : [];
  if (arrived.length < count) console.log(`only ${arrived.length} of ${count} proxies got ${name}`);
  await sleep(Math.max(0, settleMs - (nowMs() - changedMs)));
  // what it does when nothing happens is not the change's
  const cpu = usage([plane]).cpu - before - (before - idle) * ((nowMs() - changedMs) / settleMs);
  return { p50: quantile(arrived, 0.5), p99: quantile(arrived, 0.99), cpu: cpu * 1000, lost: count - arrived.length };
}

async function measureChanges(times: number, once: (variant: number) => Promise<ChangeFigures>): Promise<ChangeFigures> {
  const all: ChangeFigures[] = [];
  // the first is the warm-up's
  for (let time = 0; time <= times; time++) all.push(await once(time + 1));
  const counted = all.slice(1);
  const median = (figure: keyof ChangeFigures): number => middle(counted.map((each) => each[figure]));
  return { p50: median('p50'), p99: median('p99'), cpu: median('cpu'), lost: all.reduce((sum, { lost }) => sum + lost, 0) };
}

/** Clients that stand for proxies. */
export interface Proxies {
  readonly count: number;
  /** They ask for what they call, as our sidecars do, and not for everything, as Envoy does. */
  readonly isOnDemand: boolean;
}

/** Starts `plane` over a mesh of `size` with clients waiting for it, and changes things `changes` times. */
export async function measurePlane(
  plane: Plane,
  size: MeshSize,
  { count: proxies, isOnDemand }: Proxies,
  changes: number,
  settleMs = SETTLE_MS,
): Promise<PlaneFigures> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tulle-control-'));
  const mesh = path.join(folder, 'mesh');
  writeMesh(mesh, size);
  const log = openSync(process.env['TULLE_BENCH_LOG'] ?? path.join(folder, 'log'), 'a');
  const [xdsPort = 0, ...otherPorts] = await freePorts(4);
  const clients = fork(path.join(import.meta.dirname, 'control-clients.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const syncing = ask(clients, { connect: { port: xdsPort, proxies, size, isOnDemand } }, SYNC_MS_MAX);
  await sleep(settleMs);
  const startedMs = nowMs();
  const running = plane.start({ mesh, state: path.join(folder, 'state'), xdsPort, otherPorts, log });
  const exited = once(running, 'exit').then(() => Promise.reject(new Error(`${plane.name} ended`)));
  exited.catch(() => undefined);
  try {
    const report = await Promise.race([syncing, exited]);
    if (!('synced' in report)) throw new Error('not in sync');
    const { cpu } = usage([running]);
    const pid = running.pid ?? 0;
    const sync = { syncSeconds: (report.synced.lastMs - startedMs) / 1000, syncCpuSeconds: cpu, sentMiB: report.synced.bytes / (1 << 20) };
    console.log(
      `${plane.name}, ${size.services} services: ${proxies} proxies in sync after ${sync.syncSeconds.toFixed(2)} s, ${report.synced.resources} resources; the clients took ${usage([clients]).cpu.toFixed(2)} s of CPU`,
    );
    const memory = { rssMiB: rssMiB(pid), peakMiB: peakMiB(pid) };
    await sleep(Math.max(0, startedMs + SETTLES_OF_START * settleMs - nowMs()));
    await untilIdle(running, settleMs);
    const service = size.services >> 1;
    const endpoint: Change = {
      typeUrl: ENDPOINT_TYPE,
      name: `outbound|${SERVICE_PORT}||${hostOf(service)}`,
      count: proxies,
      make: (variant) => writeService(mesh, service, size, variant),
    };
    const own = Array.from({ length: proxies }, (_, i) => i).filter((i) => namespaceOf(i, size) === namespaceOf(0, size)).length;
    const routesOf = (of: number, count: number): Change => ({
      typeUrl: isOnDemand ? VIRTUAL_HOST_TYPE : ROUTE_TYPE,
      name: isOnDemand ? virtualHostOf(of) : String(SERVICE_PORT),
      count,
      make: (variant) => writeRoutes(mesh, of, size, variant),
    });
    const routes = routesOf(0, own);
    const allRoutes = routesOf(service, proxies);
    const measuring: Measuring = { plane: running, clients, debounceMs: plane.debounceMs, settleMs };
    const measure = (change: Change) => measureChanges(changes, (variant) => measureChange(measuring, change, variant));
    const [ofEndpoint, ofRoutes, ofAll] = [await measure(endpoint), await measure(routes), await measure(allRoutes)];
    return {
      ...sync,
      ...memory,
      endpointP50Ms: ofEndpoint.p50,
      endpointP99Ms: ofEndpoint.p99,
      endpointCpuMs: ofEndpoint.cpu,
      routesP50Ms: ofRoutes.p50,
      routesP99Ms: ofRoutes.p99,
      routesCpuMs: ofRoutes.cpu,
      allRoutesP99Ms: ofAll.p99,
      allRoutesCpuMs: ofAll.cpu,
      lost: ofEndpoint.lost + ofRoutes.lost + ofAll.lost,
    };
  } finally {
    clients.kill('SIGKILL');
    await stop(running);
    closeSync(log);
    rmSync(folder, { recursive: true, force: true });
  }
}
