/** How long to wait before a process that died is started again. */
import type { Random } from '../../core/clock.ts';

const FIRST_MS = 250;
const LONGEST_MS = 30_000;
/** A process that lived this long is thought healthy: its next death counts as the first. */
const HEALTHY_LIFE_MS = 10_000;

/** Delay in ms after the `deaths`-th death in a row (from 1): doubling, and spread over its upper half so that many do not start at once. */
export function restartDelayMs(deaths: number, random: Random): number {
  const fullMs = Math.min(FIRST_MS * 2 ** (deaths - 1), LONGEST_MS);
  return Math.round(fullMs * (0.5 + random() / 2));
}

/** Deaths in a row, given those before and how long the process lived this time. */
export function deathsAfter(before: number, livedMs: number): number {
  return livedMs >= HEALTHY_LIFE_MS ? 1 : before + 1;
}
