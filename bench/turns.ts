/**
 * Runs of a second each, by turns. What a request costs depends on which of the machine's cores the scheduler has put load
 * generator, proxies and origin on: it chooses anew with every load, and changes its mind within one. So two kinds of load
 * or of proxy are compared by many short turns, never by one long run after another.
 */
import type { ChildProcess } from 'node:child_process';
import { drive } from './drive.ts';
import type { Variant } from './load.ts';
import type { Bench } from './measure.ts';
import { usage } from './processes.ts';
import { middle } from './report.ts';
import type { Scenario } from './scenarios.ts';

/** What became of a turn: CPU of all processes in microseconds a request. */
export interface Turn {
  readonly cpuUs: number;
  readonly userUs: number;
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly errors: number;
}

/** Loads a port for a second; `children` are the processes whose CPU counts. */
export async function turn(
  bench: Bench,
  scenario: Scenario,
  port: number,
  children: readonly ChildProcess[],
  variant: Variant = 'same',
): Promise<Turn> {
  const before = usage(children);
  const { requests, requestsPerSecond: perSecond, p99Ms, errors } = await drive(bench, scenario, port, 1, variant);
  const after = usage(children);
  const perRequest = (seconds: number): number => (seconds * 1e6) / requests;
  return { cpuUs: perRequest(after.cpu - before.cpu), userUs: perRequest(after.user - before.user), perSecond, p99Ms, errors };
}

/** Calls `run` for each kind in turn, `count` times; every other time backwards, so that none is always the later one. */
export async function byTurns<Kind>(kinds: readonly Kind[], count: number, run: (kind: Kind) => Promise<void>): Promise<void> {
  for (let i = 0; i < count; i++) {
    for (const kind of i % 2 === 0 ? kinds : kinds.toReversed()) await run(kind);
  }
}

/** The middle one of a figure. */
export const middleOf = (turns: readonly Turn[], figure: keyof Turn): number => middle(turns.map((each) => each[figure]));

/** All errors. */
export const errorsOf = (turns: readonly Turn[]): number => turns.reduce((sum, { errors }) => sum + errors, 0);
