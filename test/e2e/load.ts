import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestMesh } from './harness.ts';
import { fetchThrough } from './through-proxy.ts';

/** A gentle load that runs until it is stopped: one request after another in four lanes, each outcome kept. */
export interface Load {
  /** Ends the load; statuses in order, 0 where nobody answered, with what was wrong. */
  stop(): Promise<readonly { readonly status: number; readonly text: string }[]>;
  readonly count: () => number;
}

/** Sends requests to `url` as the workload `from` would, about 100 a second, at the latest until the test ends. */
export function startLoad(t: TestContext, mesh: TestMesh, from: string, url: string): Load {
  const outcomes: { status: number; text: string }[] = [];
  let isRunning = true;
  const lane = async (): Promise<void> => {
    while (isRunning) {
      outcomes.push(await fetchThrough(mesh, from, url, {}).catch((error: unknown) => ({ status: 0, text: String(error) })));
      await sleep(40);
    }
  };
  const lanes = Promise.all(Array.from({ length: 4 }, lane));
  t.after(() => (isRunning = false));
  return {
    count: () => outcomes.length,
    async stop() {
      isRunning = false;
      await lanes;
      return outcomes;
    },
  };
}

/** The outcomes that are not `status`, few and short, for an assertion's message. */
export function others(outcomes: readonly { readonly status: number; readonly text: string }[], status = 200): string[] {
  return outcomes.filter((outcome) => outcome.status !== status).map((outcome) => `${outcome.status} ${outcome.text.slice(0, 80)}`);
}
