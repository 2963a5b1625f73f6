/**
 * `npm run bench`: Tulle, Envoy, nginx and haproxy side by side in one run, rounds interleaved so that the machine's
 * own drift meets all of them. Prints a table, writes bench/results/latest.json.
 *
 * Options: `--seconds N` (a saturated run, 5), `--rounds N` (3), `--only http,tcp,mtls`, `--peers tulle,envoy`, `--quick`.
 */
import { execFileSync, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { certificates } from './certificates.ts';
import { fixedRate, saturate } from './load.ts';
import { startOrigin } from './origin.ts';
import { INSTALL, peers, type Peer, type Scenario } from './peers.ts';
import { accepting, cpuSeconds, isInstalled, rssMiB, start, stop, withChildren } from './processes.ts';
import { median, printTable } from './report.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '32' },
    only: { type: 'string', default: 'http,tcp,mtls' },
    peers: { type: 'string', default: 'tulle,envoy,nginx,haproxy' },
    quick: { type: 'boolean', default: false },
  },
});
const seconds = values.quick ? 2 : Number(values.seconds);
// compilers have a tier to climb; every peer gets the same time
const warmUpSeconds = values.quick ? 2 : 4;
const rounds = values.quick ? 1 : Number(values.rounds);

/** One measured run of one peer in one scenario; memory and CPU are sums over its processes. */
export interface Sample {
  readonly scenario: Scenario;
  readonly peer: string;
  readonly startMs: number;
  readonly idleRssMiB: number;
  readonly loadedRssMiB: number;
  readonly requestsPerSecond: number;
  readonly cpuUsPerRequest: number;
  readonly userUsPerRequest: number;
  readonly p99Ms: number;
  readonly rate: { readonly p50Ms: number; readonly p99Ms: number; readonly p999Ms: number };
  readonly errors: number;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'tulle-bench-'));
const log = openSync(path.join(folder, 'peers.log'), 'a');

function usage(children: readonly ChildProcess[]): { user: number; system: number; rss: number } {
  const total = { user: 0, system: 0, rss: 0 };
  for (const pid of children.flatMap((child) => (child.pid === undefined ? [] : withChildren(child.pid)))) {
    const cpu = cpuSeconds(pid);
    total.user += cpu.user;
    total.system += cpu.system;
    total.rss += rssMiB(pid);
  }
  return total;
}

/** Starts every hop of a peer, the one next to the origin first. */
async function launch(peer: Peer, scenario: Scenario, base: number, origin: number): Promise<ChildProcess[] | undefined> {
  const hops = scenario === 'mtls' ? 2 : 1;
  const children: ChildProcess[] = [];
  for (let hop = hops - 1; hop >= 0; hop--) {
    const command = peer.launch(scenario, hop, { listen: base + hop, upstream: hop === hops - 1 ? origin : base + hop + 1 }, folder);
    if (command === undefined) return undefined;
    children.push(start(command.command, command.args, log));
    await accepting(base + hop);
  }
  return children;
}

async function measure(peer: Peer, scenario: Scenario, base: number, origin: number): Promise<Sample | undefined> {
  const startedMs = performance.now();
  const children = await launch(peer, scenario, base, origin);
  if (children === undefined) return undefined;
  try {
    await fixedRate(base, 10, 0.1);
    const startMs = performance.now() - startedMs;
    await fixedRate(base, 1000, 1);
    const idle = usage(children);
    await saturate(base, warmUpSeconds, Number(values.connections), folder);
    const before = usage(children);
    const full = await saturate(base, seconds, Number(values.connections), folder);
    const after = usage(children);
    const rate = await fixedRate(base, 1000, seconds);
    const perRequest = (from: number, to: number): number => ((to - from) * 1e6) / full.requests;
    return {
      scenario,
      peer: peer.name,
      startMs,
      idleRssMiB: idle.rss,
      loadedRssMiB: after.rss,
      requestsPerSecond: full.requestsPerSecond,
      cpuUsPerRequest: perRequest(before.user + before.system, after.user + after.system),
      userUsPerRequest: perRequest(before.user, after.user),
      p99Ms: full.p99Ms,
      rate,
      errors: full.errors + rate.errors,
    };
  } finally {
    await Promise.all(children.map((child) => stop(child)));
  }
}

const missing = ['wrk', 'nginx', 'openssl'].filter((command) => !isInstalled(command));
if (missing.length > 0) {
  console.error(`the benchmark itself needs ${missing.join(', ')}; install by: ${INSTALL}`);
  process.exit(1);
}
const chosen: Peer[] = [];
for (const peer of peers.filter((p) => values.peers.split(',').includes(p.name))) {
  const found = peer.available();
  if ('missing' in found) console.log(`${peer.name} is missing; install it by: ${found.missing}`);
  else {
    console.log(`${peer.name}: ${found.version}`);
    chosen.push(peer);
  }
}
certificates(folder);
const origin = await startOrigin(folder, log);
const samples: Sample[] = [];
try {
  let base = 21_000;
  for (const scenario of values.only.split(',') as Scenario[]) {
    for (let round = 0; round < rounds; round++) {
      for (const peer of chosen) {
        const sample = await measure(peer, scenario, base, origin.port);
        base += 10;
        if (sample === undefined) {
          if (round === 0) console.log(`${peer.name} has no ${scenario} scenario here`);
          continue;
        }
        samples.push(sample);
        console.log(
          `${scenario} ${peer.name} round ${round + 1}: ${sample.cpuUsPerRequest.toFixed(1)} us/request, ${sample.requestsPerSecond.toFixed(0)} rps, ${sample.errors} errors`,
        );
      }
    }
  }
} finally {
  await origin.stop();
  closeSync(log);
  rmSync(folder, { recursive: true, force: true });
}
printTable(samples);
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
mkdirSync(path.join(import.meta.dirname, 'results'), { recursive: true });
const cpu = os.cpus()[0]?.model ?? '';
writeFileSync(
  path.join(import.meta.dirname, 'results/latest.json'),
  JSON.stringify({ commit, node: process.version, cpu, seconds, rounds, samples, median: median(samples) }, null, 2),
);
