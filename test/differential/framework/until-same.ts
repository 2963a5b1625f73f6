/** What both proxies come to: counters of closed connections and the like lag behind the answers, each proxy's by its own time. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Proxy } from './proxies.ts';

const POLL_MS = 50;
const PATIENCE_MS = 10_000;

/** Reads the same of all proxies until they say the same, which is returned; fails with the difference that stays. */
export async function untilSame<T>(proxies: readonly Proxy[], read: (proxy: Proxy) => Promise<T>): Promise<T> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const [ours, theirs] = await Promise.all(proxies.map(read));
    assert.ok(ours !== undefined && theirs !== undefined);
    if (isDeepStrictEqual(ours, theirs)) return ours;
    if (performance.now() > untilMs) assert.deepEqual(ours, theirs);
    await sleep(POLL_MS);
  }
}
