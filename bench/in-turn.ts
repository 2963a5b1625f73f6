/** Two kinds of one peer side by side, in runs of a second each, by turns or at once: so that the machine's drift meets both. */
import { type Bench, end, launch, type Running, warmUp } from './measure.ts';
import type { Peer } from './peers.ts';
import type { Scenario } from './scenarios.ts';
import { byTurns, turn, type Turn } from './turns.ts';

/** A kind, and its runs so far. */
export interface InTurn {
  readonly running: Running;
  readonly turns: Turn[];
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

async function take(bench: Bench, scenario: Scenario, { running: { port, children }, turns }: InTurn): Promise<void> {
  turns.push(await turn(bench, scenario, port, children));
}

/** Warms both up and runs them by turns, `count` times each. */
export async function takeTurns(bench: Bench, peer: Peer, scenario: Scenario, both: readonly InTurn[], count: number): Promise<void> {
  for (const { running } of both) await warmUp(bench, peer, scenario, running.port);
  await byTurns(both, count, async (kind) => take(bench, scenario, kind));
}

/**
 * Warms both up, `warmth` times as long as usual, and loads them at once, `count` times: each run is of the same second of
 * the machine for both. On one whose turns differ by a third, what one costs beside the other is the same within 3 % then.
 */
export async function runAtOnce(
  bench: Bench,
  peer: Peer,
  scenario: Scenario,
  both: readonly InTurn[],
  count: number,
  warmth: number,
): Promise<void> {
  for (const { running } of both) await warmUp(bench, peer, scenario, running.port, warmth);
  for (let i = 0; i < count; i++) await Promise.all(both.map(async (kind) => take(bench, scenario, kind)));
}
