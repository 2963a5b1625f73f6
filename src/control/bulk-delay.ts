/** Lets what is in a hurry go first: a start writes thousands of files that nobody waits for. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Fewer files than these are written at once. */
const FILES_MIN = 200;
/** Time in which proxies that come back get what they need. */
const DELAY_MS = 10_000;

/** Waits before `files` files are written where they are many; no longer than until `closing`. */
export async function bulkDelay(files: number, closing: AbortSignal): Promise<void> {
  if (files < FILES_MIN || closing.aborted) return;
  await sleep(DELAY_MS, undefined, { signal: closing, ref: false }).catch(() => undefined);
}
