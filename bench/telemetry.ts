/** What a request costs with all telemetry on beside what it costs with none, and what a scrape takes. */
import { ask } from '../src/cli/demo/client.ts';
import { runAtOnce, sideBySide } from './in-turn.ts';
import type { Bench, Figures, Running } from './measure.ts';
import type { Peer } from './peers.ts';
import { usage } from './processes.ts';
import { middle } from './report.ts';
import type { Scenario } from './scenarios.ts';
import { errorsOf, middleOf, type Turn } from './turns.ts';

/** Processes of each kind, one pair after the other: what V8 inlines into what differs from process to process, by up to 4 % of the CPU. */
const PAIRS = 5;
/** Runs of a second of a pair, with none and with all at once. */
const RUNS = 7;
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

/** What one pair of processes came to. */
interface Pair {
  readonly none: readonly Turn[];
  readonly all: readonly Turn[];
  readonly scrapeMs: number;
  readonly rss: number;
}

function measurePair(bench: Bench, peer: Peer, scenario: Scenario): Promise<Pair | undefined> {
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
      return { none: none.turns, all: all.turns, scrapeMs: await scrapeMs(all.running), rss: usage(all.running.children).rss };
    },
  );
}

/** Measures a peer without and with telemetry, side by side. Undefined where it has no such scenario. */
export async function measureTelemetry(bench: Bench, peer: Peer, scenario: Scenario): Promise<Figures | undefined> {
  const pairs: Pair[] = [];
  for (let i = 0; i < PAIRS; i++) {
    const pair = await measurePair(bench, peer, scenario);
    if (pair === undefined) return undefined;
    pairs.push(pair);
  }
  const none = pairs.flatMap((pair) => pair.none);
  const all = pairs.flatMap((pair) => pair.all);
  // run by run, for the two of a run had the same second of the machine: middle ones of all runs may be of different seconds
  const times = all.map(({ cpuUs }, i) => cpuUs / (none[i]?.cpuUs ?? NaN));
  return {
    'times silent': middle(times),
    'silent cpu us': middleOf(none, 'cpuUs'),
    'cpu us': middleOf(all, 'cpuUs'),
    'req/s': middleOf(all, 'perSecond'),
    'scrape ms': middle(pairs.map((pair) => pair.scrapeMs)),
    'end rss': middle(pairs.map(({ rss }) => rss)),
    errors: errorsOf(none) + errorsOf(all),
  };
}
