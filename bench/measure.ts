/** One measured run of one peer in one scenario, in processes of its own. */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fixedRate } from './fixed-rate.ts';
import { checkGrpc, fetchBulk, saturate, saturateGrpc, type Saturation, type Variant } from './load.ts';
import type { Origins } from './origin.ts';
import type { Peer, Place } from './peers.ts';
import { accepting, start, stop, usage } from './processes.ts';
import type { Scenario } from './scenarios.ts';

/** The figures of one run by name, as `FIGURES` in report.ts lists them; memory and CPU are sums over a peer's processes. */
export type Figures = Record<string, number>;

/** What all runs share. */
export interface Bench {
  readonly folder: string;
  readonly log: number;
  readonly origins: Origins;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
}

const RATE_CONNECTIONS = 64;
const WARM_UP_REQUESTS = 80_000;
let nextPort = 21_000;

/** Proxies that run, and the port of the first. */
export interface Running {
  readonly port: number;
  readonly children: readonly ChildProcess[];
}

/** Starts every hop of a peer, the one next to the origin first. Undefined where the scenario is not the peer's. */
export async function launch(bench: Bench, peer: Peer, scenario: Scenario, scale: Place['scale'] = {}): Promise<Running | undefined> {
  const port = nextPort;
  nextPort += scenario.hops;
  const origin = scenario.ends === 'http2' ? bench.origins.grpcPort : bench.origins.httpPort;
  const children: ChildProcess[] = [];
  for (let hop = scenario.hops - 1; hop >= 0; hop--) {
    const upstream = hop === scenario.hops - 1 ? origin : port + hop + 1;
    const command = peer.launch({ scenario, hop, listen: port + hop, upstream, folder: bench.folder, scale });
    if (command === undefined) return undefined;
    children.push(start(command.command, command.args, bench.log, command.env));
    await accepting(port + hop);
  }
  return { port, children };
}

const load = (bench: Bench, { load: kind }: Scenario, port: number, seconds: number, variant: Variant): Promise<Saturation> =>
  kind === 'grpc' ? saturateGrpc(port, seconds, bench.folder) : saturate(port, seconds, bench.connections, bench.folder, { variant });

/** A busy machine needs longer to bring compilers to their last tier: by requests, and within three times the time. */
async function warmUp(bench: Bench, scenario: Scenario, port: number): Promise<void> {
  let sent = 0;
  for (let i = 0; i < 3 && sent < WARM_UP_REQUESTS; i++) sent += (await load(bench, scenario, port, bench.warmUpSeconds, 'same')).requests;
}

async function requests(bench: Bench, scenario: Scenario, { port, children }: Running): Promise<Figures> {
  const figures: Figures = {};
  if (scenario.load === 'grpc') await checkGrpc(port);
  else await fixedRate(port, 500, 1, RATE_CONNECTIONS);
  const idle = usage(children);
  figures['idle rss'] = idle.rss;
  figures['idle private'] = idle.privateDirty;
  await warmUp(bench, scenario, port);
  let errors = 0;
  for (const variant of scenario.load === 'grpc' || scenario.ends === 'tcp' ? (['same'] as const) : (['same', 'unique'] as const)) {
    const before = usage(children);
    const run = await load(bench, scenario, port, bench.seconds, variant);
    const after = usage(children);
    const name = variant === 'same' ? '' : 'unique ';
    figures[`${name}cpu us`] = ((after.cpu - before.cpu) * 1e6) / run.requests;
    figures[`${name}user us`] = ((after.user - before.user) * 1e6) / run.requests;
    figures[`${name}req/s`] = run.requestsPerSecond;
    figures[`${name}p99 ms`] = run.p99Ms;
    errors += run.errors;
  }
  for (const rate of scenario.rates) errors += await latencies(figures, port, rate, bench.seconds);
  const end = usage(children);
  return { ...figures, 'end rss': end.rss, 'end private': end.privateDirty, errors };
}

/** Adds the latencies at a rate to the figures; gives the errors. */
async function latencies(figures: Figures, port: number, rate: number, seconds: number): Promise<number> {
  const run = await fixedRate(port, rate, seconds, RATE_CONNECTIONS);
  figures[`p50 @${rate}`] = run.p50Ms;
  figures[`p99 @${rate}`] = run.p99Ms;
  figures[`p99.9 @${rate}`] = run.p999Ms;
  return run.errors;
}

async function bulk(bench: Bench, { port, children }: Running): Promise<Figures> {
  await fetchBulk(port, bench.warmUpSeconds / 2);
  const before = usage(children);
  const mebibytes = await fetchBulk(port, bench.seconds);
  const after = usage(children);
  return { 'MiB/cpu s': mebibytes / (after.cpu - before.cpu), 'end rss': after.rss, 'end private': after.privateDirty };
}

/** Measures a peer. Undefined where the scenario is not the peer's. */
export async function measure(bench: Bench, peer: Peer, scenario: Scenario): Promise<Figures | undefined> {
  const running = await launch(bench, peer, scenario);
  if (running === undefined) return undefined;
  try {
    // what a start leaves to do is not the load's
    await sleep(500);
    return await (scenario.load === 'bulk' ? bulk(bench, running) : requests(bench, scenario, running));
  } finally {
    await Promise.all(running.children.map((child) => stop(child)));
  }
}

/** Latencies of the origin without a proxy: what "added" is reckoned from. */
export async function measureOrigin(bench: Bench, scenario: Scenario): Promise<Figures> {
  const figures: Figures = {};
  for (const rate of scenario.rates) figures['errors'] = await latencies(figures, bench.origins.httpPort, rate, bench.seconds);
  return figures;
}
