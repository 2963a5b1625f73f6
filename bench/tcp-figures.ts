/**
 * What a TCP proxy costs: CPU per connection (connect, a request, its answer, close) and per MiB, Tulle's from `src/`
 * beside Envoy's. `node bench/tcp-figures.ts [seconds] [rounds] [--only tulle|envoy] [--phase connections|bulk|exchanges] [--prof]`
 */
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findEnvoy } from '../test/interop/envoy-binary.ts';
import { root } from './layout.ts';
import { fetchBulk, saturate } from './load.ts';
import { startOrigins } from './origin.ts';
import { accepting, start, stop, usage } from './processes.ts';
import { sidecarBootstrap } from './sidecar-config.ts';

const PORT = 20_970;
const CONNECTIONS = 32;
const CLOSING = [
  ['Host', 'reviews'],
  ['Connection', 'close'],
] as const;

const args = process.argv.slice(2);
const [seconds = 3, rounds = 2] = args.filter((arg) => /^\d+$/.test(arg)).map(Number);
const option = (name: string): string | undefined => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const phase = option('--phase');
const only = option('--only');

const folder = mkdtempSync(path.join(tmpdir(), 'tulle-tcp-'));
const log = openSync(path.join(folder, 'log'), 'w');

/** The command that starts a proxy on `PORT`. */
function commandOf(name: string, upstream: number): readonly [string, readonly string[]] {
  const isTulle = name === 'tulle';
  const file = path.join(folder, `${name}.yaml`);
  writeFileSync(file, sidecarBootstrap({ listen: PORT, upstream, admin: PORT + 1, kind: 'tcp', isTulle }));
  if (!isTulle) return [findEnvoy() ?? 'envoy', ['-c', file, '--concurrency', '1', '--log-level', 'error', '--disable-hot-restart']];
  const prof = args.includes('--prof') ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : [];
  return [process.execPath, [...prof, path.join(root, 'bin/tulle.js'), 'proxy', '-c', file, '--drain-time-s', '0']];
}

async function figuresOf(name: string, upstream: number): Promise<void> {
  const child = start(...commandOf(name, upstream), log);
  try {
    await accepting(PORT);
    const cpu = (): number => usage([child]).cpu * 1e6;
    const parts: string[] = [];
    if (phase === undefined || phase === 'connections') {
      await saturate(PORT, 2, CONNECTIONS, folder, { headers: CLOSING });
      const before = cpu();
      const run = await saturate(PORT, seconds, CONNECTIONS, folder, { headers: CLOSING });
      parts.push(`${((cpu() - before) / run.requests).toFixed(1)} us/connection (${run.errors} errors)`);
    }
    if (phase === undefined || phase === 'bulk') {
      await fetchBulk(PORT, 1);
      const before = cpu();
      const mebibytes = await fetchBulk(PORT, seconds);
      parts.push(`${((cpu() - before) / mebibytes).toFixed(0)} us/MiB`);
    }
    if (phase === undefined || phase === 'exchanges') {
      await saturate(PORT, 1, CONNECTIONS, folder);
      const before = cpu();
      const run = await saturate(PORT, seconds, CONNECTIONS, folder);
      parts.push(`${((cpu() - before) / run.requests).toFixed(1)} us/exchange`);
    }
    console.log(`${name}: ${parts.join(', ')}`);
  } finally {
    await stop(child);
  }
}

const origins = await startOrigins(folder, log);
try {
  for (let i = 0; i < rounds; i++) {
    for (const name of ['tulle', 'envoy']) if (only === undefined || only === name) await figuresOf(name, origins.httpPort);
    await sleep(100);
  }
} finally {
  await origins.stop();
  if (args.includes('--prof')) console.log(folder);
  else rmSync(folder, { recursive: true });
}
