/** What a request costs with all telemetry on beside what it costs with none, and what a scrape takes. */
import { ask } from '../src/cli/demo/client.ts';
import { drive } from './drive.ts';
import { type Bench, end, type Figures, launch, type Running, warmUp } from './measure.ts';
import type { Peer } from './peers.ts';
import { usage } from './processes.ts';
import { middle } from './report.ts';
import type { Scenario } from './scenarios.ts';

/** Runs with none and with all in turn, of a second each: so that the machine's drift meets both. */
const TURNS = 7;
const SCRAPES = 20;
/** Clusters beside the one that is used: what they count makes a scrape long. */
const CLUSTERS = 20;

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
  const both: { readonly running: Running; readonly turns: Turn[] }[] = [];
  try {
    for (const telemetry of ['none', 'all'] as const) {
      const running = await launch(bench, peer, scenario, { telemetry, scale: { clusters: CLUSTERS } });
      if (running !== undefined) both.push({ running, turns: [] });
    }
    const [none, all] = both;
    if (none === undefined || all === undefined) return undefined;
    for (const { running } of both) await warmUp(bench, peer, scenario, running.port);
    for (let i = 0; i < TURNS; i++) for (const { running, turns } of both) turns.push(await turn(bench, scenario, running));
    return {
      'silent cpu us': middle(none.turns.map(({ cpuUs }) => cpuUs)),
      'cpu us': middle(all.turns.map(({ cpuUs }) => cpuUs)),
      'req/s': middle(all.turns.map(({ perSecond }) => perSecond)),
      'scrape ms': await scrapeMs(all.running),
      'end rss': usage(all.running.children).rss,
      errors: [...none.turns, ...all.turns].reduce((sum, { errors }) => sum + errors, 0),
    };
  } finally {
    for (const { running } of both) await end(running);
  }
}
