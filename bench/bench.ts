/**
 * `npm run bench`: Tulle beside Envoy (and nginx and haproxy, where asked) in one run, rounds interleaved so that the
 * machine's own drift meets all of them. Prints tables, writes bench/results/latest.json.
 *
 * Options: `--seconds N` (a measured run, 2), `--rounds N` (2), `--warm-up N` (4), `--only http,tls` (names and groups as in
 * scenarios.ts), `--peers tulle,envoy,nginx,haproxy`, `--quick`; `--profile`, `--profile --allocations` and
 * `--scale` do other things instead.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runAlone } from './alone.ts';
import { judgeBars, printBars } from './bars.ts';
import { measureBurst } from './burst.ts';
import { certificates } from './certificates.ts';
import { measureIdle } from './idle.ts';
import { type Bench, type Figures, measure, measureOrigin } from './measure.ts';
import { startOrigins } from './origin.ts';
import { INSTALL, peers, type Peer } from './peers.ts';
import { busyPercent, isInstalled } from './processes.ts';
import { profile } from './profile.ts';
import { medians, printTables, type Sample } from './report.ts';
import { measureScale } from './scale.ts';
import { defaultScenarios, type Scenario, scenariosNamed } from './scenarios.ts';
import { measureStart } from './start-up.ts';
import { measureTelemetry } from './telemetry.ts';
import { measureWorkers } from './workers.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    'warm-up': { type: 'string' },
    connections: { type: 'string', default: '32' },
    only: { type: 'string' },
    peers: { type: 'string', default: 'tulle,envoy' },
    quick: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    allocations: { type: 'boolean', default: false },
    scale: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds ?? (values.quick ? 1 : 2));
const rounds = Number(values.rounds ?? (values.quick ? 1 : 2));
const results = path.join(import.meta.dirname, 'results');

function choosePeers(): Peer[] {
  return peers.filter((peer) => {
    if (!values.peers.split(',').includes(peer.name)) return false;
    const found = peer.available();
    console.log('missing' in found ? `${peer.name} is missing; install it by: ${found.missing}` : `${peer.name}: ${found.version}`);
    return !('missing' in found);
  });
}

function chooseScenarios(): Scenario[] {
  if (values.only !== undefined) return scenariosNamed(values.only.split(','));
  if (values.profile) return scenariosNamed(['http', 'mtls-h2']);
  return defaultScenarios();
}

function describe({ peer, scenario, round, figures, othersPercent }: Sample, tookMs: number): string {
  const shown = Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(1)}`);
  const run = `${scenario} ${peer} round ${round}, ${(tookMs / 1000).toFixed(0)} s (others use ${othersPercent.toFixed(0)} %)`;
  return `${run}: ${shown.join(', ')}`;
}

async function sample(
  scenario: Scenario,
  peer: string,
  round: number,
  run: () => Promise<Sample['figures'] | undefined>,
): Promise<Sample[]> {
  const startMs = performance.now();
  const [load = NaN] = os.loadavg();
  const othersPercent = await busyPercent(500);
  const figures = await run();
  if (figures === undefined) return [];
  const taken = { scenario: scenario.name, peer, round, load, othersPercent, figures };
  console.log(describe(taken, performance.now() - startMs));
  return [taken];
}

type Measure = (bench: Bench, peer: Peer, scenario: Scenario) => Promise<Figures | undefined>;
/** Loads that are measured in ways of their own. */
const MEASURES: Partial<Record<Scenario['load'], Measure>> = {
  start: measureStart,
  workers: measureWorkers,
  idle: measureIdle,
  telemetry: measureTelemetry,
  burst: measureBurst,
};

async function compare(bench: Bench, chosen: readonly Peer[], scenarios: readonly Scenario[]): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const scenario of scenarios.filter(({ isOnce }) => round === 1 || isOnce !== true)) {
      if (scenario.rates.length > 0) samples.push(...(await sample(scenario, 'origin', round, () => measureOrigin(bench, scenario))));
      for (const peer of chosen) {
        const run = MEASURES[scenario.load] ?? measure;
        samples.push(...(await sample(scenario, peer.name, round, () => run(bench, peer, scenario))));
      }
    }
  }
  return samples;
}

function writeResults(name: string, content: object): void {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const machine = { cpu: os.cpus()[0]?.model ?? '', cores: os.cpus().length, kernel: os.release(), node: process.version };
  mkdirSync(results, { recursive: true });
  writeFileSync(path.join(results, name), `${JSON.stringify({ commit, ...machine, seconds, rounds, ...content }, null, 1)}\n`);
}

async function run(bench: Bench): Promise<void> {
  if (values.profile) {
    for (const scenario of chooseScenarios()) await profile(bench, scenario, values.allocations ? 'allocations' : 'cpu');
    return;
  }
  const chosen = choosePeers();
  if (values.scale) {
    writeResults('scale.json', { rows: await measureScale(bench, chosen, values.only?.split(',')) });
    return;
  }
  const scenarios = chooseScenarios();
  const samples = await compare(bench, chosen, scenarios);
  const rows = medians(samples);
  const order = scenarios.map(({ name }) => name);
  rows.sort((a, b) => order.indexOf(a.scenario) - order.indexOf(b.scenario));
  printTables(rows);
  const bars = judgeBars(samples);
  printBars(bars);
  const others = samples.map(({ othersPercent }) => othersPercent);
  console.log(`\nothers used ${Math.min(...others).toFixed(0)} to ${Math.max(...others).toFixed(0)} % of the machine just before each run`);
  writeResults('latest.json', { bars, medians: rows, samples });
}

const missing = ['wrk', 'h2load', 'nghttpd', 'nginx', 'openssl', 'curl'].filter((command) => !isInstalled(command));
if (missing.length > 0) {
  console.error(`the benchmark itself needs ${missing.join(', ')}; install by: ${INSTALL}`);
  process.exit(1);
}
await runAlone();
const folder = mkdtempSync(path.join(os.tmpdir(), 'tulle-bench-'));
const log = openSync(path.join(folder, 'peers.log'), 'a');
certificates(folder);
const origins = await startOrigins(folder, log);
try {
  const warmUpSeconds = Number(values['warm-up'] ?? (values.quick ? 2 : 4));
  await run({ folder, log, origins, seconds, warmUpSeconds, connections: Number(values.connections) });
} catch (error) {
  console.error(readFileSync(path.join(folder, 'peers.log'), 'utf8').split('\n').slice(-20).join('\n'));
  throw error;
} finally {
  await origins.stop();
  closeSync(log);
  rmSync(folder, { recursive: true, force: true });
}
