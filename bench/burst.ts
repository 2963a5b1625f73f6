/** What a request costs in the second that follows some without any, beside what it costs when that is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, end, type Figures, launch, type Running, warmUp } from './measure.ts';
import type { Peer } from './peers.ts';
import type { Scenario } from './scenarios.ts';
import { errorsOf, middleOf, turn, type Turn } from './turns.ts';

/** V8 waits eight seconds before it collects all garbage of a process that is idle, and does so twice at most. */
const IDLE_MS = 20_000;
/** Each of a process of its own: V8 collects once what a long load has left, and little after the next burst. */
const BURSTS = 3;
/** Runs of a second of each burst. */
const RUNS = 4;

async function burst(bench: Bench, peer: Peer, scenario: Scenario, { port, children }: Running): Promise<Turn[]> {
  await warmUp(bench, peer, scenario, port, 2);
  await sleep(IDLE_MS);
  const turns: Turn[] = [];
  for (let i = 0; i < RUNS; i++) turns.push(await turn(bench, scenario, port, children));
  return turns;
}

/** Measures bursts at a peer. Undefined where it has no such scenario. */
export async function measureBurst(bench: Bench, peer: Peer, scenario: Scenario): Promise<Figures | undefined> {
  const bursts: Turn[][] = [];
  for (let i = 0; i < BURSTS; i++) {
    const running = await launch(bench, peer, scenario);
    if (running === undefined) return undefined;
    try {
      bursts.push(await burst(bench, peer, scenario, running));
    } finally {
      await end(running);
    }
  }
  return {
    'first cpu us': middleOf(
      bursts.flatMap((turns) => turns.slice(0, 1)),
      'cpuUs',
    ),
    'cpu us': middleOf(
      bursts.flatMap((turns) => turns.slice(1)),
      'cpuUs',
    ),
    errors: errorsOf(bursts.flat()),
  };
}
