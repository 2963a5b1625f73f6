/** What connections cost that have carried a request and wait. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, end, type Figures, launch, type Running } from './measure.ts';
import type { Peer } from './peers.ts';
import { stop, usage } from './processes.ts';
import type { Scenario } from './scenarios.ts';

const CONNECTIONS = 10_000;
const IDLE_SECONDS = 5;
const SETTLE_MS = 1000;

/** Memory in MiB while the connections are held, what one of them takes in KiB, and CPU meanwhile as a share of a core. */
export interface Held {
  readonly rss: number;
  readonly privateDirty: number;
  readonly kibEach: number;
  readonly cpuPercent: number;
}

/** Has another process open and hold `count` connections, by mutual TLS with the files of `secured` if that is given. */
export async function hold({ port, children }: Running, count: number, secured?: string): Promise<Held> {
  const without = usage(children);
  const script = path.join(import.meta.dirname, 'hold-connections.ts');
  const holder = spawn(process.execPath, [script, String(port), String(count), ...(secured === undefined ? [] : [secured])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit').then(() => Promise.reject(new Error('connections failed')))]);
    await sleep(SETTLE_MS);
    const before = usage(children);
    await sleep(IDLE_SECONDS * 1000);
    const { rss, privateDirty, cpu } = usage(children);
    const kibEach = ((privateDirty - without.privateDirty) * 1024) / count;
    return { rss, privateDirty, kibEach, cpuPercent: (100 * (cpu - before.cpu)) / IDLE_SECONDS };
  } finally {
    await stop(holder);
    await sleep(SETTLE_MS);
  }
}

/** Measures a peer that holds ten thousand connections. Undefined where the scenario is not the peer's. */
export async function measureIdle(bench: Bench, peer: Peer, scenario: Scenario): Promise<Figures | undefined> {
  const running = await launch(bench, peer, scenario);
  if (running === undefined) return undefined;
  try {
    const idle = usage(running.children);
    const held = await hold(running, CONNECTIONS, scenario.isSecured === true ? bench.folder : undefined);
    return {
      'idle rss': idle.rss,
      'idle private': idle.privateDirty,
      'held rss': held.rss,
      'held private': held.privateDirty,
      'held KiB': held.kibEach,
      'held cpu %': held.cpuPercent,
    };
  } finally {
    await end(running);
  }
}
