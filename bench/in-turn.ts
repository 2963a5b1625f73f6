/** Two kinds of one peer side by side, in runs of a second each by turns: so that the machine's drift meets both. */
import { drive } from './drive.ts';
import { type Bench, end, launch, type Running, warmUp } from './measure.ts';
import type { Peer } from './peers.ts';
import { usage } from './processes.ts';
import type { Scenario } from './scenarios.ts';

/** What became of one run. */
interface Turn {
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly errors: number;
}

/** A kind, and its runs so far. */
export interface InTurn {
  readonly running: Running;
  readonly turns: Turn[];
}

async function turn(bench: Bench, scenario: Scenario, { port, children }: Running): Promise<Turn> {
  const before = usage(children).cpu;
  const { requests, requestsPerSecond: perSecond, errors } = await drive(bench, scenario, port, 1);
  return { cpuUs: ((usage(children).cpu - before) * 1e6) / requests, perSecond, errors };
}

/** Starts both kinds, and has `measured` tell of them; both are ended then. Undefined where the peer has no such scenario. */
export async function sideBySide<T>(
  bench: Bench,
  peer: Peer,
  scenario: Scenario,
  kinds: readonly [Parameters<typeof launch>[3], Parameters<typeof launch>[3]],
  measured: (one: InTurn, other: InTurn) => Promise<T>,
): Promise<T | undefined> {
  const both: InTurn[] = [];
  try {
    for (const kind of kinds) {
      const running = await launch(bench, peer, scenario, kind);
      if (running !== undefined) both.push({ running, turns: [] });
    }
    const [one, other] = both;
    return one === undefined || other === undefined ? undefined : await measured(one, other);
  } finally {
    for (const { running } of both) await end(running);
  }
}

/** Warms both up and runs them by turns, `count` times each. */
export async function takeTurns(bench: Bench, peer: Peer, scenario: Scenario, both: readonly InTurn[], count: number): Promise<void> {
  for (const { running } of both) await warmUp(bench, peer, scenario, running.port);
  for (let i = 0; i < count; i++) for (const { running, turns } of both) turns.push(await turn(bench, scenario, running));
}
