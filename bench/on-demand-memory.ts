/**
 * `npm run bench:on-demand`: resident memory of a sidecar on demand that calls five services, in a mesh of 10 and in one
 * of 10,000 (or as many as the argument says), with a real Envoy that is sent everything beside it, and how long the
 * first request to a host takes: one that the proxy answers itself needs nothing but the virtual host. Nine services of ten
 * speak HTTP, each with a VirtualService; the tenth is bytes at an address of its own. A sidecar is looked at as an HTTP
 * proxy, and as one whose traffic is intercepted, which has listeners and answers DNS besides: everything runs in a network
 * namespace of its own, where what goes to services' addresses is redirected to the proxy (as root; iptables).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findEnvoy } from '../test/interop/envoy-binary.ts';
import { freePort } from '../test/interop/envoy-process.ts';
import { adsOverSocket } from './ads-over-socket.ts';
import { installedLayout } from './layout.ts';
import { start, stop, usage } from './processes.ts';

const CALLED = 5;
const NEW_HOSTS = 100;
const SETTLE_MS = 3000;
const READY_MS_MAX = 300_000;
/** How often the few services are called, so that what a first request compiles is not what is measured. */
const ROUNDS = 200;

const INSIDE = 'TULLE_BENCH_INSIDE';
/** Where Istio's proxies take connections of the application (`virtualOutbound`). */
const OUTBOUND_PORT = '15001';
/** Addresses of the mesh's services. */
const SERVICE_ADDRESSES = '240.0.0.0/4';

if (process.env[INSIDE] === undefined) {
  const args = ['--net', process.execPath, ...process.argv.slice(1)];
  const { status } = spawnSync('unshare', args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: 'yes' } });
  process.exit(status ?? 1);
}
execFileSync('ip', ['link', 'set', 'lo', 'up']);
execFileSync('ip', ['route', 'add', 'local', SERVICE_ADDRESSES, 'dev', 'lo']);
const toProxy = ['-p', 'tcp', '-d', SERVICE_ADDRESSES, '-j', 'REDIRECT', '--to-ports', OUTBOUND_PORT];
execFileSync('iptables', ['-t', 'nat', '-A', 'OUTPUT', ...toProxy]);

const folder = mkdtempSync(path.join(os.tmpdir(), 'tulle-on-demand-'));
const tulle = installedLayout(folder);
const log = openSync(path.join(folder, 'log'), 'a');

type To = { readonly socketPath: string } | { readonly port: number; readonly hostname?: string };

function ask(to: To, target: string, method = 'GET', host = '127.0.0.1', body = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const request = http.request({ ...to, path: target, method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        response.statusCode === 200 ? resolve(text) : reject(new Error(`${host}: ${response.statusCode} ${text}`)),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function ready(to: To): Promise<void> {
  const endMs = performance.now() + READY_MS_MAX;
  for (;;) {
    try {
      await ask(to, '/ready');
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await sleep(50);
    }
  }
}

function host(service: number): string {
  return `s-${service}.mesh.example`;
}

function addressOf(service: number): string {
  return `240.${1 + (service >> 16)}.${(service >> 8) & 255}.${service & 255}`;
}

function serviceYaml(service: number, origin: number): string {
  const isBytes = service % 10 === 9;
  const port = isBytes ? '{ number: 9000, name: tcp, protocol: TCP }' : '{ number: 80, name: http, protocol: HTTP }';
  const address = `  addresses: [${addressOf(service)}]\n`;
  const entry = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: s-${service}, namespace: ns-${service % 20} }
spec:
  hosts: [${host(service)}]
${address}  ports: [${port}]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints: [{ address: 127.0.0.1, ports: { ${isBytes ? 'tcp' : 'http'}: ${origin} } }]
---
`;
  if (isBytes) return entry;
  const answer = '    - directResponse: { status: 200, body: { string: ok } }';
  const forward = `    - match: [{ uri: { prefix: /api } }]
      timeout: 5s
      retries: { attempts: 3, retryOn: '5xx,reset' }
      route: [{ destination: { host: ${host(service)} } }]
    - route: [{ destination: { host: ${host(service)} } }]`;
  return `${entry}apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: s-${service}, namespace: ns-${service % 20} }
spec:
  hosts: [${host(service)}]
  http:
${answersItself(service) ? answer : forward}
---
`;
}

function answersItself(service: number): boolean {
  return service % 10 === 8;
}

function writeMesh(mesh: string, services: number, origin: number): void {
  mkdirSync(mesh, { recursive: true });
  for (let from = 0; from < services; from += 100) {
    const texts = Array.from({ length: Math.min(100, services - from) }, (_, i) => serviceYaml(from + i, origin));
    writeFileSync(path.join(mesh, `services-${from}.yaml`), texts.join(''));
  }
}

interface Wanted {
  readonly xdsSocket: string;
  readonly token: string;
  readonly isEnvoy: boolean;
  /** Where it serves as an HTTP proxy; undefined where its traffic is intercepted. */
  readonly httpProxyPort: number | undefined;
}

async function bootstrapOf({ xdsSocket, token, isEnvoy, httpProxyPort }: Wanted) {
  const tokenFile = path.join(folder, 'token');
  writeFileSync(tokenFile, token);
  const admin = await freePort();
  const own = {
    identity: { tokenFile },
    onDemand: true,
    ...(httpProxyPort === undefined && { dns: { address: '127.0.0.1', port: await freePort(), upstreams: [], searchDomains: [] } }),
  };
  const explicit = httpProxyPort === undefined ? {} : { explicit: { httpProxyPort, upstreams: [] } };
  const bootstrap = {
    node: {
      id: 'sidecar~127.0.0.9~caller-0.ns-0~ns-0.svc.cluster.local',
      cluster: 'caller.ns-0',
      metadata: {
        NAMESPACE: 'ns-0',
        WORKLOAD_NAME: 'caller',
        SERVICE_ACCOUNT: 'default',
        INSTANCE_IPS: '127.0.0.9',
        INTERCEPTION_MODE: httpProxyPort === undefined ? 'REDIRECT' : 'NONE',
        DNS_CAPTURE: 'true',
        TULLE: { ...explicit, ...(isEnvoy ? {} : own) },
      },
    },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: admin } } },
    ...adsOverSocket(xdsSocket, token),
  };
  return { bootstrap, admin };
}

interface Measured {
  readonly rss: number;
  readonly privateDirty: number;
  /** Requests to hosts that were not called before, in ms, sorted: the first to those that forward, and to those that are answered by the proxy, and the second. */
  readonly firstMs: readonly number[];
  readonly answeredMs: readonly number[];
  readonly laterMs: readonly number[];
}

/** A request to a service through the HTTP proxy at `proxyPort`, or to its own address, where it is intercepted. */
async function timed(proxyPort: number | undefined, service: number): Promise<number> {
  const to = proxyPort === undefined ? { hostname: addressOf(service), port: 80 } : { port: proxyPort };
  const beganMs = performance.now();
  await ask(to, '/', 'GET', host(service));
  return performance.now() - beganMs;
}

async function measure(envoy: string | undefined, plane: Omit<Wanted, 'isEnvoy'>, services: number): Promise<Measured> {
  const { bootstrap, admin } = await bootstrapOf({ ...plane, isEnvoy: envoy !== undefined });
  const file = path.join(folder, 'proxy.json');
  writeFileSync(file, JSON.stringify(bootstrap));
  const args = ['-c', file, '--concurrency', '1', '--log-level', 'error'];
  const child = start(
    envoy ?? tulle,
    envoy === undefined ? ['proxy', '-c', file] : [...args, '--base-id', '2198', '--disable-hot-restart'],
    log,
  );
  const port = plane.httpProxyPort;
  const [firstMs, answeredMs, laterMs]: [number[], number[], number[]] = [[], [], []];
  try {
    await ready({ port: admin });
    for (let round = 0; round < ROUNDS; round++) for (let service = 0; service < CALLED; service++) await timed(port, service);
    await sleep(SETTLE_MS);
    const { rss, privateDirty } = usage([child]);
    const fresh = Array.from({ length: NEW_HOSTS }, (_, i) => CALLED + i).filter((service) => service < services && service % 10 !== 9);
    for (const service of fresh) {
      (answersItself(service) ? answeredMs : firstMs).push(await timed(port, service));
      laterMs.push(await timed(port, service));
    }
    return { rss, privateDirty, firstMs: sorted(firstMs), answeredMs: sorted(answeredMs), laterMs: sorted(laterMs) };
  } finally {
    await stop(child);
  }
}

const sorted = (all: readonly number[]): readonly number[] => all.toSorted((a, b) => a - b);
const middle = (all: readonly number[]): string => (all[all.length >> 1] ?? NaN).toFixed(1);

async function mesh(services: number, origin: number, envoy: string | undefined): Promise<Map<string, Measured>> {
  const state = path.join(folder, `state-${services}`);
  const from = path.join(folder, `mesh-${services}`);
  mkdirSync(state);
  writeMesh(from, services, origin);
  const plane = start(tulle, ['control', from, '--state-dir', state], log);
  const measured = new Map<string, Measured>();
  try {
    const control = { socketPath: path.join(state, 'admin.sock') };
    await ready(control);
    const answer: unknown = JSON.parse(
      await ask(control, '/api/tokens', 'POST', 'control', '{"namespace":"ns-0","serviceAccount":"default"}'),
    );
    const token = typeof answer === 'object' && answer !== null && 'token' in answer ? String(answer.token) : '';
    for (const [what, command] of [
      ['Tulle', undefined],
      ['Envoy', envoy],
    ] as const) {
      if (what === 'Envoy' && command === undefined) continue;
      for (const kind of ['HTTP proxy', 'intercepted'] as const) {
        const httpProxyPort = kind === 'intercepted' ? undefined : await freePort();
        const figures = await measure(command, { xdsSocket: path.join(state, 'xds.sock'), token, httpProxyPort }, services);
        measured.set(`${what}, ${kind}`, figures);
        const latency =
          figures.answeredMs.length === 0
            ? ''
            : `  first request ${middle(figures.firstMs)} ms (${middle(figures.answeredMs)} for the virtual host alone), later ${middle(figures.laterMs)}`;
        console.log(
          `${String(services).padStart(6)} services  ${`${what}, ${kind}`.padEnd(20)} ${figures.rss.toFixed(1).padStart(7)} MiB resident, ${figures.privateDirty.toFixed(1).padStart(7)} private${latency}`,
        );
      }
    }
  } finally {
    await stop(plane);
  }
  return measured;
}

const origin = http.createServer((_, response) => response.end('ok'));
try {
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  const port = (origin.address() as AddressInfo).port;
  const envoy = findEnvoy();
  const small = await mesh(10, port, envoy);
  const large = await mesh(Number(process.argv[2] ?? 10_000), port, envoy);
  for (const [what, { rss, privateDirty }] of large) {
    const before = small.get(what);
    if (before === undefined) continue;
    console.log(
      `${what.padEnd(20)} the larger mesh takes ${(rss - before.rss).toFixed(1)} MiB more, ${(privateDirty - before.privateDirty).toFixed(1)} of them private`,
    );
  }
} finally {
  origin.close();
  closeSync(log);
  rmSync(folder, { recursive: true, force: true });
}
