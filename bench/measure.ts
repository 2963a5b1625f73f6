/** One measured run of one peer in one scenario, in processes of its own. */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { drive } from './drive.ts';
import { fixedRate } from './fixed-rate.ts';
import { checkGrpc, type Variant } from './load.ts';
import type { Origins } from './origin.ts';
import type { Peer, Place } from './peers.ts';
import { accepting, start, stop, usage } from './processes.ts';
import type { Scenario } from './scenarios.ts';
import { byTurns, errorsOf, middleOf, turn, type Turn } from './turns.ts';

/** The figures of one run by name, as `COLUMNS` in report.ts lists them; memory and CPU are sums over a peer's processes. */
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
const ONE_KIND: readonly Variant[] = ['same'];
const BOTH_KINDS: readonly Variant[] = ['same', 'unique'];
const WARM_UP_REQUESTS = 80_000;
const WARM_UP_CONNECTIONS = 8000;
const WARM_UP_HANDSHAKES = 3000;
let nextPort = 21_000;

/** Proxies that run, and the port of the first. */
export interface Running {
  readonly port: number;
  readonly children: readonly ChildProcess[];
}

/** Starts every hop of a peer, the one next to the origin first. Undefined where the scenario is not the peer's. */
export async function launch(
  bench: Bench,
  peer: Peer,
  scenario: Scenario,
  more: Pick<Place, 'scale' | 'concurrency' | 'telemetry'> = {},
): Promise<Running | undefined> {
  const port = nextPort;
  nextPort += scenario.hops;
  const origin = scenario.ends === 'http2' ? bench.origins.grpcPort : bench.origins.httpPort;
  const collectors = { http: bench.origins.httpPort, grpc: bench.origins.grpcPort };
  const children: ChildProcess[] = [];
  for (let hop = scenario.hops - 1; hop >= 0; hop--) {
    const upstream = hop === scenario.hops - 1 ? origin : port + hop + 1;
    const command = peer.launch({ scenario, hop, listen: port + hop, upstream, folder: bench.folder, collectors, ...more });
    if (command === undefined) return undefined;
    children.push(start(command.command, command.args, bench.log, command.env));
    await accepting(port + hop);
  }
  // what a start leaves to do is not the load's
  await sleep(500);
  return { port, children };
}

/** Ends what `launch` has started. */
export const end = ({ children }: Running): Promise<unknown> => Promise.all(children.map((child) => stop(child)));

/** How long a run of the warm-up is, and how much is to be carried in all. */
function warmUpOf({ warmUpSeconds }: Bench, { load }: Scenario): readonly [seconds: number, wanted: number] {
  if (load === 'bulk') return [Math.ceil(warmUpSeconds / 2), 0];
  // `openssl s_time` takes a second more than it is told
  if (load === 'handshakes') return [Math.ceil(warmUpSeconds / 4), WARM_UP_HANDSHAKES];
  if (load === 'connections') return [Math.ceil(warmUpSeconds / 2), WARM_UP_CONNECTIONS];
  return [warmUpSeconds, WARM_UP_REQUESTS];
}

/** One run; where code is compiled meanwhile up to three, for on a busy machine that takes longer. `times` as much is carried. */
export async function warmUp(bench: Bench, { hasJit }: Peer, scenario: Scenario, port: number, times = 1): Promise<void> {
  const [seconds, wanted] = warmUpOf(bench, scenario);
  let carried = 0;
  for (let i = 0; i < (hasJit ? 3 * times : 1) && carried <= wanted * times; i++) {
    carried += (await drive(bench, scenario, port, seconds)).requests;
  }
}

async function requests(bench: Bench, peer: Peer, scenario: Scenario, { port, children }: Running): Promise<Figures> {
  const figures: Figures = {};
  if (scenario.load === 'grpc') await checkGrpc(port);
  else await fixedRate(port, 500, 1, RATE_CONNECTIONS);
  const idle = usage(children);
  figures['idle rss'] = idle.rss;
  figures['idle private'] = idle.privateDirty;
  await warmUp(bench, peer, scenario, port);
  const kinds = (scenario.load === 'grpc' || scenario.ends === 'tcp' ? ONE_KIND : BOTH_KINDS).map((variant) => ({
    variant,
    turns: new Array<Turn>(),
  }));
  await byTurns(
    kinds,
    bench.seconds * 2 + 1,
    async ({ variant, turns }) => void turns.push(await turn(bench, scenario, port, children, variant)),
  );
  for (const { variant, turns } of kinds) {
    const name = variant === 'same' ? '' : 'unique ';
    figures[`${name}cpu us`] = middleOf(turns, 'cpuUs');
    figures[`${name}user us`] = middleOf(turns, 'userUs');
    figures[`${name}req/s`] = middleOf(turns, 'perSecond');
    figures[`${name}p99 ms`] = middleOf(turns, 'p99Ms');
  }
  let errors = kinds.reduce((sum, { turns }) => sum + errorsOf(turns), 0);
  for (const rate of scenario.rates) errors += await latencies(figures, port, rate, bench.seconds);
  const after = usage(children);
  return { ...figures, 'end rss': after.rss, 'end private': after.privateDirty, errors };
}

/** Adds the latencies at a rate to the figures; gives the errors. */
async function latencies(figures: Figures, port: number, rate: number, seconds: number): Promise<number> {
  const run = await fixedRate(port, rate, seconds, RATE_CONNECTIONS);
  figures[`p50 @${rate}`] = run.p50Ms;
  figures[`p99 @${rate}`] = run.p99Ms;
  figures[`p99.9 @${rate}`] = run.p999Ms;
  return run.errors;
}

/** What is counted where that is not requests: connections (with a handshake each or not) or MiB. */
async function units(bench: Bench, peer: Peer, scenario: Scenario, { port, children }: Running): Promise<Figures> {
  await warmUp(bench, peer, scenario, port);
  const before = usage(children);
  const { requests: count, requestsPerSecond: perSecond, errors } = await drive(bench, scenario, port, bench.seconds);
  const after = usage(children);
  const cpu = after.cpu - before.cpu;
  const cost: Figures =
    scenario.load === 'bulk'
      ? { 'MiB us': (cpu * 1e6) / count, 'MiB/cpu s': count / cpu }
      : { 'connection us': (cpu * 1e6) / count, 'connections/s': perSecond };
  return { ...cost, 'end rss': after.rss, 'end private': after.privateDirty, errors };
}

/** Measures a peer under load. Undefined where the scenario is not the peer's. */
export async function measure(bench: Bench, peer: Peer, scenario: Scenario): Promise<Figures | undefined> {
  const running = await launch(bench, peer, scenario);
  if (running === undefined) return undefined;
  try {
    const isRequests = scenario.load === 'requests' || scenario.load === 'grpc';
    return await (isRequests ? requests : units)(bench, peer, scenario, running);
  } finally {
    await end(running);
  }
}

/** Latencies of the origin without a proxy: what "added" is reckoned from. */
export async function measureOrigin(bench: Bench, scenario: Scenario): Promise<Figures> {
  const figures: Figures = {};
  for (const rate of scenario.rates) figures['errors'] = await latencies(figures, bench.origins.httpPort, rate, bench.seconds);
  return figures;
}
