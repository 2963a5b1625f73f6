/** What a request costs with all telemetry on beside what it costs with none, and what a scrape takes. */
import { ask } from '../src/cli/demo/client.ts';
import { runAtOnce, sideBySide } from './in-turn.ts';
import type { Bench, Figures, Running } from './measure.ts';
import type { Peer } from './peers.ts';
import { usage } from './processes.ts';
import { middle } from './report.ts';
import type { Scenario } from './scenarios.ts';

/** Runs of a second with none and with all at once. */
const RUNS = 15;
/**
 * V8 compiles what was called a thousand times, and one request in a hundred is sampled: what becomes of it takes eight times
 * as long (400 microseconds instead of 50) in the first hundred thousand requests, which the usual warm-up is not.
 */
const WARMTH = 4;
const SCRAPES = 20;
/** Clusters beside the one that is used: what they count makes a scrape long. */
const CLUSTERS = 20;

/** How long scrapes take, for a thousand series: the middle one, in milliseconds. */
async function scrapeMs({ port }: Running): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < SCRAPES; i++) {
    const startMs = performance.now();
    const { text } = await ask({ port: port + 1000 }, '/stats/prometheus');
    const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
    times.push(((performance.now() - startMs) * 1000) / series);
  }
  return middle(times);
}

/** Measures a peer without and with telemetry, side by side. Undefined where it has no such scenario. */
export async function measureTelemetry(bench: Bench, peer: Peer, scenario: Scenario): Promise<Figures | undefined> {
  const scale = { clusters: CLUSTERS };
  return sideBySide(
    bench,
    peer,
    scenario,
    [
      { telemetry: 'none', scale },
      { telemetry: 'all', scale },
    ],
    async (none, all) => {
      await runAtOnce(bench, peer, scenario, [none, all], RUNS, WARMTH);
      return {
        'silent cpu us': middle(none.turns.map(({ cpuUs }) => cpuUs)),
        'cpu us': middle(all.turns.map(({ cpuUs }) => cpuUs)),
        'req/s': middle(all.turns.map(({ perSecond }) => perSecond)),
        'scrape ms': await scrapeMs(all.running),
        'end rss': usage(all.running.children).rss,
        errors: [...none.turns, ...all.turns].reduce((sum, { errors }) => sum + errors, 0),
      };
    },
  );
}
