/** What a request costs with two workers beside what it costs with one, and what memory they take. */
import { sideBySide, takeTurns } from './in-turn.ts';
import type { Bench, Figures } from './measure.ts';
import type { Peer } from './peers.ts';
import { usage } from './processes.ts';
import type { Scenario } from './scenarios.ts';
import { errorsOf, middleOf } from './turns.ts';

/** Runs of one and of two workers. */
const TURNS = 11;

/** Measures a peer with one and with two workers, side by side. Undefined where it has no such scenario. */
export async function measureWorkers(bench: Bench, peer: Peer, scenario: Scenario): Promise<Figures | undefined> {
  return sideBySide(bench, peer, scenario, [{ concurrency: 1 }, { concurrency: 2 }], async (one, two) => {
    const idle = usage(two.running.children);
    await takeTurns(bench, peer, scenario, [one, two], TURNS);
    const after = usage(two.running.children);
    return {
      'one cpu us': middleOf(one.turns, 'cpuUs'),
      'cpu us': middleOf(two.turns, 'cpuUs'),
      'req/s': middleOf(two.turns, 'perSecond'),
      'idle rss': idle.rss,
      'idle private': idle.privateDirty,
      'end rss': after.rss,
      'end private': after.privateDirty,
      errors: errorsOf([...one.turns, ...two.turns]),
    };
  });
}
