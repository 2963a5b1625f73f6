/**
 * `npm run soak -- [--minutes 10] [--rate 5000] [--concurrency 1]`: a proxy under steady load of every kind, and what becomes of
 * its memory: the slope of a line through it, and what is left over when the load has gone (sockets, timers, buffers,
 * counts of what is active). Writes bench/results/soak.json. Ends with an error where something is left, or resident
 * memory has certainly grown, and by more than `MAX_SLOPE`.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createTestCa } from '../src/net/testing/certificates.ts';
import { cluster, httpListener, tcpListener, tlsSocket } from '../test/e2e/static-proxy.ts';
import { type FixedRate, fixedRate } from './fixed-rate.ts';
import { installedLayout } from './layout.ts';
import { rssMiB, start, stop } from './processes.ts';
import { type Slope, slopeOf } from './slope.ts';

const ADMIN = 21_990;
/** MiB an hour that noise may come to. */
const MAX_SLOPE = 30;
const SAMPLE_MS = 2000;
/** Connections of their own that each kind of load opens a second. */
const OPENED_A_SECOND = 25;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '5000' },
    concurrency: { type: 'string', default: '1' },
  },
});

interface Memory {
  readonly allocated: string;
  readonly external: string;
  readonly resources: Readonly<Record<string, number>>;
}

interface Sample {
  readonly hours: number;
  readonly rss: number;
  readonly heap: number;
  readonly external: number;
}

function ask(target: string): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port: ADMIN, path: target, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve(text));
      })
      .on('error', reject);
  });
}

const MIB = 1024 * 1024;

async function memory(): Promise<Memory> {
  return JSON.parse(await ask('/memory')) as Memory;
}

/** MiB an hour of a value in the second half of the samples: the first warms up. */
const slope = (samples: readonly Sample[], of: (sample: Sample) => number): Slope =>
  slopeOf(samples.slice(Math.floor(samples.length / 2)).map((sample) => ({ hours: sample.hours, value: of(sample) })));

/** Calls `one` so many times a second until `isOver`, and waits for all of them; failures are counted. */
async function repeated(isOver: () => boolean, one: () => Promise<void>): Promise<number> {
  let failures = 0;
  const under = new Set<Promise<void>>();
  while (!isOver()) {
    const run = one().catch(() => void failures++);
    under.add(run);
    void run.then(() => under.delete(run));
    await sleep(1000 / OPENED_A_SECOND);
  }
  await Promise.all(under);
  return failures;
}

function getOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, path: '/x', agent: false }, (response) => response.resume().on('end', resolve)).on('error', reject);
  });
}

/** A session of HTTP/2 over TLS with a few requests, some of which are taken back. */
function sessionOnce(port: number, ca: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`https://127.0.0.1:${port}`, { ca, checkServerIdentity: () => undefined });
    session.on('error', reject);
    session.on('close', resolve);
    let left = 4;
    const done = (): void => {
      if (--left === 0) session.close();
    };
    for (let i = 0; i < 4; i++) {
      const stream = session.request({ ':path': '/x', ':method': 'POST' });
      stream.on('error', () => {}).on('close', done);
      stream.end('x'.repeat(20_000));
      stream.resume();
      if (i === 3) setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 2);
    }
  });
}

function tcpOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write('x'.repeat(10_000)));
    let got = 0;
    socket.on('data', (bytes: Buffer) => {
      got += bytes.length;
      if (got >= 10_000) socket.destroy();
    });
    socket.on('error', reject).on('close', () => resolve());
  });
}

async function listening(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

interface Ports {
  readonly web: number;
  readonly secure: number;
  readonly tcp: number;
}

async function portsOf(): Promise<Ports> {
  const text = await ask('/listeners');
  const port = (name: string): number => Number(new RegExp(`^${name}::.*:(\\d+)$`, 'm').exec(text)?.[1]);
  return { web: port('web'), secure: port('secure'), tcp: port('tcp') };
}

async function untilReady(): Promise<void> {
  for (const untilMs = performance.now() + 20_000; ; await sleep(50)) {
    const state = await ask('/ready').catch((error: unknown) => error);
    if (state === 'LIVE\n') return;
    if (performance.now() > untilMs) throw new Error('the proxy is not ready');
  }
}

/** Counts that must be zero once the load has gone. */
async function leftovers(pid: number, before: Leftovers | undefined): Promise<Leftovers & { readonly leaks: readonly string[] }> {
  const { resources } = await memory();
  const stats = await ask('/stats?filter=active%24|buffered%24');
  const active = [...stats.matchAll(/^(\S*(?:downstream|upstream_rq|pending)\S*): (\d+)$/gm)].filter(([, , value]) => value !== '0');
  const descriptors = readdirSync(`/proc/${pid}/fd`).length;
  const leaks = active.map(([line]) => line);
  if (before !== undefined) {
    // connections to hosts are kept for the next request
    if (descriptors > before.descriptors + 200) leaks.push(`descriptors: ${before.descriptors} before, ${descriptors} after`);
    for (const [name, count] of Object.entries(resources)) {
      const was = before.resources[name] ?? 0;
      if (count > was + 200) leaks.push(`${name}: ${was} before, ${count} after`);
    }
  }
  return { resources, descriptors, leaks };
}

interface Leftovers {
  readonly resources: Readonly<Record<string, number>>;
  readonly descriptors: number;
}

/** An HTTP server, an echo server, and the bootstrap that leads to them. */
interface Setup {
  readonly file: string;
  readonly ca: string;
  readonly close: () => void;
}

async function setUp(folder: string): Promise<Setup> {
  const web = http.createServer((request, response) => request.resume().on('end', () => response.end('hello '.repeat(50))));
  const echo = net.createServer((socket) => socket.on('error', () => {}).pipe(socket));
  const ca = createTestCa('soak');
  const pair = ca.issue('DNS:localhost');
  const tls = tlsSocket('Downstream', {
    alpn_protocols: ['h2'],
    tls_certificates: [{ certificate_chain: { inline_string: pair.certificateChain }, private_key: { inline_string: pair.privateKey } }],
  });
  const file = path.join(folder, 'bootstrap.json');
  const bootstrap = {
    node: { id: 'soak' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: ADMIN } } },
    static_resources: {
      listeners: [httpListener('web', 'web'), httpListener('secure', 'web', { chain: tls }), tcpListener('tcp', 'echo')],
      clusters: [cluster('web', await listening(web)), cluster('echo', await listening(echo))],
    },
  };
  writeFileSync(file, JSON.stringify(bootstrap));
  const close = (): void => {
    web.closeAllConnections();
    web.close();
    echo.close();
  };
  return { file, ca: ca.root, close };
}

/** Puts every kind of load on the proxy until it is over; gives what became of it, and the samples of memory. */
async function loadAndSample(pid: number, ca: string, seconds: number): Promise<{ loads: Loads; samples: readonly Sample[] }> {
  const ports = await portsOf();
  const startMs = performance.now();
  const isOver = (): boolean => performance.now() > startMs + seconds * 1000;
  const loads = Promise.all([
    fixedRate(ports.web, Number(values.rate), seconds, 64),
    repeated(isOver, () => getOnce(ports.web)),
    repeated(isOver, () => sessionOnce(ports.secure, ca)),
    repeated(isOver, () => tcpOnce(ports.tcp)),
  ]);
  const samples: Sample[] = [];
  while (!isOver()) {
    const { allocated, external } = await memory();
    const hours = (performance.now() - startMs) / 3_600_000;
    samples.push({ hours, rss: rssMiB(pid), heap: Number(allocated) / MIB, external: Number(external) / MIB });
    await sleep(SAMPLE_MS);
  }
  return { loads: await loads, samples };
}

type Loads = readonly [steady: FixedRate, ...failures: number[]];

const SERIES: readonly (readonly [what: string, of: (sample: Sample) => number])[] = [
  ['RSS', ({ rss }) => rss],
  ['heap', ({ heap }) => heap],
  ['external', ({ external }) => external],
];

/** Prints the slopes; true where resident memory grows. */
function reportMemory(samples: readonly Sample[]): boolean {
  for (const [what, of] of SERIES) {
    const taken = samples.map(of);
    const { perHour, plusMinus } = slope(samples, of);
    const range = `${Math.min(...taken).toFixed(1)} to ${Math.max(...taken).toFixed(1)} MiB`;
    const grows = `${perHour.toFixed(1).padStart(7)} +- ${plusMinus.toFixed(1)} MiB/h`;
    console.log(`${what.padEnd(9)} slope ${grows} (95 %), ${range}, ${(taken.at(-1) ?? NaN).toFixed(1)} at the end`);
  }
  const { perHour, plusMinus } = slope(samples, ({ rss }) => rss);
  return perHour > MAX_SLOPE && perHour > plusMinus;
}

function keep(samples: readonly Sample[], leaks: readonly string[]): void {
  const results = path.join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  const slopes = Object.fromEntries(SERIES.map(([what, of]) => [what, slope(samples, of)]));
  writeFileSync(path.join(results, 'soak.json'), `${JSON.stringify({ ...values, slopes, leaks, samples }, null, 1)}\n`);
}

async function soak(pid: number, ca: string): Promise<void> {
  await untilReady();
  const before = await leftovers(pid, undefined);
  const { loads, samples } = await loadAndSample(pid, ca, Number(values.minutes) * 60);
  const [steady, ...failures] = loads;
  await sleep(2000);
  const after = await leftovers(pid, before);
  console.log(
    `load: ${values.rate} requests/s and 3 x ${OPENED_A_SECOND} connections/s for ${values.minutes} min; p99 ${steady.p99Ms.toFixed(1)} ms`,
  );
  console.log(`failures: ${steady.errors} of the steady load, ${failures.join(', ')} of new connections (HTTP/1.1, HTTP/2 over TLS, TCP)`);
  const isGrowing = reportMemory(samples);
  console.log(after.leaks.length === 0 ? 'nothing is left over' : `left over:\n  ${after.leaks.join('\n  ')}`);
  console.log(`descriptors ${before.descriptors} before, ${after.descriptors} after; ${JSON.stringify(after.resources)}`);
  keep(samples, after.leaks);
  if (after.leaks.length > 0 || steady.errors > 0 || isGrowing) process.exitCode = 1;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tulle-soak-'));
  const log = openSync(path.join(folder, 'log'), 'a');
  const { file, ca, close } = await setUp(folder);
  const proxy = start(installedLayout(folder), ['proxy', '-c', file, '--concurrency', values.concurrency], log);
  try {
    await soak(proxy.pid ?? 0, ca);
  } finally {
    await stop(proxy);
    close();
    closeSync(log);
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
