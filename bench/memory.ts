/**
 * `node tools/build.ts && node bench/memory.ts`: resident memory of an idle proxy, and what it is made of. Each row is
 * a process of its own, looked at two seconds after it is ready. Envoy has its rows where it is installed.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { parse } from 'yaml';
import { findEnvoy } from '../test/interop/envoy-binary.ts';
import { BUNDLE } from '../tools/bundle.ts';
import { adsOverSocket } from './ads-over-socket.ts';
import { installedLayout, root } from './layout.ts';
import { rssMiB, start, stop } from './processes.ts';
import { sidecarBootstrap } from './sidecar-config.ts';

const SETTLE_MS = 2000;
const READY_MS_MAX = 20_000;
const folder = mkdtempSync(path.join(os.tmpdir(), 'tulle-memory-'));
/** What npm would install: in a clone the program runs its sources. */
const tulle = installedLayout(folder);
const log = openSync(path.join(folder, 'log'), 'a');

/** Sends one request over a Unix socket or to a loopback port. */
function ask(to: { socketPath: string } | { port: number }, target: string, method: string, body = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const request = http.request({ ...to, host: '127.0.0.1', path: target, method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(`${response.statusCode}: ${text}`))));
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function ready(to: { socketPath: string } | { port: number }): Promise<void> {
  const until = performance.now() + READY_MS_MAX;
  for (;;) {
    try {
      await ask(to, '/ready', 'GET');
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
      await sleep(50);
    }
  }
}

/** Runs a program until it has settled. Gives its resident memory in MiB. */
async function settled(command: string, args: readonly string[], whenReady: () => Promise<void>): Promise<number> {
  const child = start(command, args, log);
  try {
    await whenReady();
    await sleep(SETTLE_MS);
    return rssMiB(child.pid ?? 0);
  } finally {
    await stop(child);
  }
}

const BUILTINS = "import 'node:net'; import 'node:tls'; import 'node:crypto'; import 'node:fs'; import 'node:dns/promises';";
const TYPES = ['xds/type-registry.ts', 'xds/client.ts', 'xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts']
  .map((file) => `import('./src/${file}')`)
  .join(', ');

/** A program that loads part of what a proxy loads, bundled as dist/ is. */
async function program(name: string, source: string): Promise<string> {
  const outfile = path.join(folder, name);
  await build({
    ...BUNDLE,
    stdin: { contents: `${BUILTINS}\n${source}\nsetInterval(() => {}, 1e6);`, resolveDir: root, loader: 'ts' },
    outdir: outfile,
    outExtension: { '.js': '.mjs' },
  });
  return path.join(outfile, 'stdin.mjs');
}

async function parts(): Promise<Row[]> {
  const lean = "import { startLean } from './src/cli/lean-start.ts'; const compile = startLean();";
  const nothing = await program('nothing', '');
  const plain = await program('plain', `await Promise.all([${TYPES}]);`);
  const small = await program('small', `${lean} await Promise.all([${TYPES}]); compile();`);
  const run = (script: string): Promise<number> => settled(process.execPath, [script], () => Promise.resolve());
  const base = await run(nothing);
  const withTypes = await run(small);
  return [
    ['node with net, tls, crypto', base],
    ['  and the configuration types', withTypes],
    ['  what the types cost', withTypes - base],
    ['  what they cost with the compilers on', (await run(plain)) - base],
  ];
}

async function statics(envoy: string | undefined): Promise<Row[]> {
  const admin = 21_998;
  const configured = (isTulle: boolean): string => sidecarBootstrap({ listen: 21_999, upstream: 9, admin, kind: 'http', isTulle });
  const yaml = path.join(folder, 'static.yaml');
  const json = path.join(folder, 'static.json');
  const forEnvoy = path.join(folder, 'envoy.yaml');
  writeFileSync(yaml, configured(true));
  writeFileSync(json, JSON.stringify(parse(configured(true))));
  writeFileSync(forEnvoy, configured(false));
  const whenReady = (): Promise<void> => ready({ port: admin });
  const rows: Row[] = [
    ['sidecar, static, bootstrap in YAML', await settled(tulle, ['proxy', '-c', yaml], whenReady)],
    ['sidecar, static, bootstrap in JSON', await settled(tulle, ['proxy', '-c', json], whenReady)],
  ];
  if (envoy !== undefined) rows.push(['Envoy, static', await settled(envoy, envoyArgs(forEnvoy), whenReady)]);
  return rows;
}

function envoyArgs(file: string): string[] {
  return ['-c', file, '--concurrency', '1', '--log-level', 'error', '--base-id', '2199', '--disable-hot-restart'];
}

/** The bootstrap of a proxy of the shop that takes no traffic itself. */
function underAds(xdsSocket: string, adminSocket: string, token: string): object {
  return {
    node: {
      id: 'sidecar~127.0.0.1~memory-0.shop~shop.svc.cluster.local',
      cluster: 'memory.shop',
      metadata: {
        NAMESPACE: 'shop',
        WORKLOAD_NAME: 'frontend',
        SERVICE_ACCOUNT: 'frontend',
        INSTANCE_IPS: '127.0.0.1',
        INTERCEPTION_MODE: 'NONE',
        TULLE: { explicit: { httpProxyPort: 21_997, upstreams: [] } },
      },
    },
    admin: { address: { pipe: { path: adminSocket } } },
    ...adsOverSocket(xdsSocket, token),
  };
}

async function dynamic(envoy: string | undefined): Promise<Row[]> {
  const state = path.join(folder, 'state');
  mkdirSync(state);
  const plane = start(tulle, ['control', path.join(root, 'examples/shop/mesh'), '--state-dir', state], log);
  try {
    const control = { socketPath: path.join(state, 'admin.sock') };
    await ready(control);
    const answer: unknown = JSON.parse(await ask(control, '/api/tokens', 'POST', '{"namespace":"shop","serviceAccount":"frontend"}'));
    const token = typeof answer === 'object' && answer !== null && 'token' in answer ? String(answer.token) : '';
    const file = path.join(folder, 'ads.json');
    const socketPath = path.join(folder, 'admin.sock');
    writeFileSync(file, JSON.stringify(underAds(path.join(state, 'xds.sock'), socketPath, token)));
    const whenReady = (): Promise<void> => ready({ socketPath });
    const rows: Row[] = [['sidecar of the shop, under ADS', await settled(tulle, ['proxy', '-c', file], whenReady)]];
    if (envoy !== undefined) rows.push(['Envoy, sidecar of the shop, under ADS', await settled(envoy, envoyArgs(file), whenReady)]);
    return rows;
  } finally {
    await stop(plane);
  }
}

type Row = readonly [what: string, rssMiB: number];

try {
  const envoy = findEnvoy();
  for (const measureRows of [parts, () => statics(envoy), () => dynamic(envoy)]) {
    for (const [what, rss] of await measureRows()) console.log(`${what.padEnd(42)} ${rss.toFixed(1).padStart(6)} MiB`);
  }
} finally {
  closeSync(log);
  rmSync(folder, { recursive: true, force: true });
}
