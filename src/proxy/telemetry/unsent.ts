/**
 * What waits to be sent to collectors when a proxy ends: it is sent while clients leave, and what no collector has taken
 * by then is counted as lost.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';

/** A batch of spans or of log entries. */
export interface Unsent {
  /** What waits, or is under way and unanswered. */
  readonly size: number;
  /** Sends what waits without waiting for more. */
  flush(): void;
  /** Counts what is left as lost, whatever comes of it. */
  giveUp(): void;
}

const byLoop = new WeakMap<object, Set<Unsent>>();

/** The batches of one event loop that have something unsent, by its clusters. A batch is in it as long as that is so. */
export function unsentOf(clusters: object): Set<Unsent> {
  let all = byLoop.get(clusters);
  if (all === undefined) byLoop.set(clusters, (all = new Set()));
  return all;
}

/** Sends what waits; true where something is still on its way. */
export function flushUnsent(clusters: object): boolean {
  const all = unsentOf(clusters);
  for (const batch of all) batch.flush();
  return all.size > 0;
}

const POLL_MS = 10;
/** How long those who are told of what a proxy has seen have to take what is left once its clients are gone. */
export const REST_MS = 1000;

/** Sends what waits and gives it a second to arrive; returns how much of it is lost. */
export async function sendRest(clusters: object, clock: Clock, withinMs: number = REST_MS): Promise<number> {
  const endMs = clock.monotonicMs() + withinMs;
  while (flushUnsent(clusters) && clock.monotonicMs() < endMs) await sleep(POLL_MS);
  let lost = 0;
  for (const batch of unsentOf(clusters)) {
    lost += batch.size;
    batch.giveUp();
  }
  return lost;
}
