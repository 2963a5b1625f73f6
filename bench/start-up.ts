/** From starting a proxy's process to the first request that it has carried to the origin and back. */
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { REQUEST_PATH } from './load.ts';
import { withCompileCache } from './layout.ts';
import type { Bench, Figures } from './measure.ts';
import type { Peer } from './peers.ts';
import type { Scenario } from './scenarios.ts';
import { start, stop } from './processes.ts';

const STARTS = 4;
const TIMEOUT_MS = 20_000;
const PORT = 20_990;
let caches = 0;

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const request = http.get({ port, host: '127.0.0.1', path: REQUEST_PATH, headers: { host: 'reviews' }, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
  });

async function startOnce(bench: Bench, peer: Peer, scenario: Scenario, cache: string): Promise<number> {
  const place = { scenario, hop: 0, listen: PORT, upstream: bench.origins.httpPort, folder: bench.folder };
  const command = peer.launch(place);
  if (command === undefined) return NaN;
  const startMs = performance.now();
  const child = start(command.command, command.args, bench.log, command.env === undefined ? undefined : withCompileCache(cache));
  try {
    while (!(await answers(PORT))) {
      if (performance.now() - startMs > TIMEOUT_MS) throw new Error(`${peer.name} answers nothing after ${TIMEOUT_MS} ms`);
      await sleep(1);
    }
    return performance.now() - startMs;
  } finally {
    await stop(child);
  }
}

/** The first start of all, with nothing compiled yet, and the middle one of those after it. */
export async function measureStart(bench: Bench, peer: Peer, scenario: Scenario): Promise<Figures | undefined> {
  if (peer.launch({ scenario, hop: 0, listen: PORT, upstream: 9, folder: bench.folder }) === undefined) return undefined;
  const cache = path.join(bench.folder, `start-cache-${caches++}`);
  const times: number[] = [];
  for (let i = 0; i < STARTS; i++) times.push(await startOnce(bench, peer, scenario, cache));
  const [first = NaN, ...later] = times;
  return { 'first start ms': first, 'start ms': later.toSorted((a, b) => a - b)[later.length >> 1] ?? NaN };
}
