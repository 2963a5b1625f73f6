/** What a request costs with two workers beside what it costs with one, and what memory they take. */
import { drive } from './drive.ts';
import { type Bench, end, type Figures, launch, type Running, warmUp } from './measure.ts';
import type { Peer } from './peers.ts';
import { usage } from './processes.ts';
import type { Scenario } from './scenarios.ts';

/** Runs of one and of two workers in turn: so that the machine's drift meets both. */
const TURNS = 3;

/** CPU seconds and requests of some runs. */
interface Sum {
  cpu: number;
  requests: number;
  errors: number;
  perSecond: number;
}

async function load(bench: Bench, scenario: Scenario, { port, children }: Running, sum: Sum): Promise<void> {
  const before = usage(children).cpu;
  const { requests, requestsPerSecond, errors } = await drive(bench, scenario, port, Math.ceil(bench.seconds / 2));
  sum.cpu += usage(children).cpu - before;
  sum.requests += requests;
  sum.errors += errors;
  sum.perSecond += requestsPerSecond / TURNS;
}

/** Measures a peer with one and with two workers, side by side. Undefined where it has no such scenario. */
export async function measureWorkers(bench: Bench, peer: Peer, scenario: Scenario): Promise<Figures | undefined> {
  const both: { readonly running: Running; readonly sum: Sum }[] = [];
  try {
    for (const concurrency of [1, 2]) {
      const running = await launch(bench, peer, scenario, { concurrency });
      if (running !== undefined) both.push({ running, sum: { cpu: 0, requests: 0, errors: 0, perSecond: 0 } });
    }
    const [one, two] = both;
    if (one === undefined || two === undefined) return undefined;
    const idle = usage(two.running.children);
    for (const { running } of both) await warmUp(bench, scenario, running.port);
    for (let i = 0; i < TURNS; i++) for (const { running, sum } of both) await load(bench, scenario, running, sum);
    const after = usage(two.running.children);
    const us = ({ cpu, requests }: Sum): number => (cpu * 1e6) / requests;
    return {
      'one cpu us': us(one.sum),
      'cpu us': us(two.sum),
      'req/s': two.sum.perSecond,
      'idle rss': idle.rss,
      'idle private': idle.privateDirty,
      'end rss': after.rss,
      'end private': after.privateDirty,
      errors: one.sum.errors + two.sum.errors,
    };
  } finally {
    for (const { running } of both) await end(running);
  }
}
