/** What a request costs with two workers beside what it costs with one, and what memory they take. */
import { drive } from './drive.ts';
import { type Bench, end, type Figures, launch, type Running, warmUp } from './measure.ts';
import type { Peer } from './peers.ts';
import { usage } from './processes.ts';
import { middle } from './report.ts';
import type { Scenario } from './scenarios.ts';

/** Runs of one and of two workers in turn, of a second each: so that the machine's drift meets both. */
const TURNS = 5;

/** What became of one run. */
interface Turn {
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly errors: number;
}

async function turn(bench: Bench, scenario: Scenario, { port, children }: Running): Promise<Turn> {
  const before = usage(children).cpu;
  const { requests, requestsPerSecond: perSecond, errors } = await drive(bench, scenario, port, 1);
  return { cpuUs: ((usage(children).cpu - before) * 1e6) / requests, perSecond, errors };
}

/** Measures a peer with one and with two workers, side by side. Undefined where it has no such scenario. */
export async function measureWorkers(bench: Bench, peer: Peer, scenario: Scenario): Promise<Figures | undefined> {
  const both: { readonly running: Running; readonly turns: Turn[] }[] = [];
  try {
    for (const concurrency of [1, 2]) {
      const running = await launch(bench, peer, scenario, { concurrency });
      if (running !== undefined) both.push({ running, turns: [] });
    }
    const [one, two] = both;
    if (one === undefined || two === undefined) return undefined;
    const idle = usage(two.running.children);
    for (const { running } of both) await warmUp(bench, peer, scenario, running.port);
    for (let i = 0; i < TURNS; i++) for (const { running, turns } of both) turns.push(await turn(bench, scenario, running));
    const after = usage(two.running.children);
    return {
      'one cpu us': middle(one.turns.map(({ cpuUs }) => cpuUs)),
      'cpu us': middle(two.turns.map(({ cpuUs }) => cpuUs)),
      'req/s': middle(two.turns.map(({ perSecond }) => perSecond)),
      'idle rss': idle.rss,
      'idle private': idle.privateDirty,
      'end rss': after.rss,
      'end private': after.privateDirty,
      errors: [...one.turns, ...two.turns].reduce((sum, { errors }) => sum + errors, 0),
    };
  } finally {
    for (const { running } of both) await end(running);
  }
}
