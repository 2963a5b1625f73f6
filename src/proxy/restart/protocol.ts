/**
 * How a proxy passes its sockets on to its successor, over a Unix socket on which the successor listens:
 *
 *   running                                   successor
 *   ◀─────── POST /hot_restart?socket=<path> ──────── (admin interface)
 *   ──── connects; descriptors, each byte with some ─▶
 *   ──── a line: what they are ──────────────────────▶ begins
 *   ◀────────────────────────────────── a line: ready
 *   ──── a line: counters ───────────────────────────▶ adds them to its own
 *   drains
 *   ──── a line: what was counted since ─────────────▶
 *   ends
 */
import type { CountedElsewhere } from '../telemetry/registry.ts';

/** Grows when the messages change so that former versions do not understand them. */
export const RESTART_VERSION = 1;

/** `unsaid`: nobody has called `/healthcheck/ok` or `/healthcheck/fail`. */
export type WorkloadHealth = 'ok' | 'failing' | 'unsaid';

/** The byte that comes with descriptors, and the one after the last of them. */
export const MARK_DESCRIPTORS = 0x46;
export const MARK_END = 0x45;

/** The first line: the keys of the descriptors, in their order. */
export interface Passing {
  readonly version: number;
  readonly pid: number;
  readonly keys: readonly string[];
  /** What the workload said last of its health. */
  readonly health: WorkloadHealth;
}

/** The successor serves. */
export interface Ready {
  readonly event: 'ready';
  /** How long the other may go on, in milliseconds; as long as it drains where absent. */
  readonly endsWithinMs?: number | undefined;
}

/** Counters by their scopes, or with labels. */
export interface Counters {
  readonly event: 'counters';
  readonly counters: readonly CountedElsewhere[];
}

/** Calls back with each whole line of what `feed` is given. */
export function lineReader(onLine: (line: string) => void): (text: string) => void {
  let rest = '';
  return (text) => {
    rest += text;
    for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n')) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      onLine(line);
    }
  };
}
