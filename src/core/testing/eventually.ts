/** Waiting in tests: for a state, never for a time. The bound is what the slowest machine would take. */
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 120_000;

/** Tries until `attempt` gives something else than undefined or false, and does not throw; fails with what `explain` says. */
export async function eventually<T>(
  attempt: () => T | undefined | false | Promise<T | undefined | false>,
  explain: () => string = () => String(attempt),
  pollMs = 20,
): Promise<T> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    let cause: unknown;
    try {
      const value = await attempt();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > endMs) throw new Error(`it did not happen in ${PATIENCE_MS} ms: ${explain()}`, { cause });
    await sleep(pollMs);
  }
}

/** Waits until `holds`; whatever it throws is thrown. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  explain: () => string = () => String(holds),
  pollMs = 5,
): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`it did not happen in ${PATIENCE_MS} ms: ${explain()}`);
    await sleep(pollMs);
  }
}
