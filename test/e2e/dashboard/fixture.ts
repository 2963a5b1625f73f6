/**
 * A mesh that exists only as answers of the admin API: as many services and edges as one likes, with figures that move.
 * Run by itself it serves the dashboard of one: `node test/e2e/dashboard/fixture.ts [services] [edges]`.
 */
import path from 'node:path';
import { ProtocolError } from '../../../src/core/errors.ts';
import { silentLog } from '../../../src/core/log.ts';
import { readDashboardAddress } from '../../../src/control/dashboard/address.ts';
import type { Answer } from '../../../src/control/dashboard/calls.ts';
import { type Dashboard, serveDashboard } from '../../../src/control/dashboard/server.ts';
import type { Flow } from '../../../src/model/flow.ts';
import type { Provenance } from '../../../src/model/provenance.ts';
import type { SignalRow, SignalSeries } from '../../../src/model/signals.ts';
import type { Topology, TopologyService, TopologyWorkload } from '../../../src/model/topology.ts';
import { root } from '../harness.ts';

const NAMESPACES = ['edge', 'accounts', 'catalog', 'checkout', 'fulfilment', 'ledger', 'media', 'messaging', 'platform', 'search'];
const NOUNS = [
  'gateway',
  'profile',
  'session',
  'price',
  'stock',
  'basket',
  'invoice',
  'shipment',
  'tariff',
  'rating',
  'image',
  'thumbnail',
  'inbox',
  'notifier',
  'scheduler',
  'audit',
  'index',
  'suggest',
  'currency',
  'tax',
];

/** The same numbers each time (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function originOf(namespace: string, name: string): Provenance {
  return { kind: 'Service', namespace, name, file: `${namespace}.yaml`, line: 1, field: '' };
}

/** The `index`th of many services. */
function serviceAt(index: number): TopologyService {
  const namespace = NAMESPACES[index % NAMESPACES.length] ?? '';
  const round = Math.floor(index / NAMESPACES.length);
  const noun = NOUNS[round % NOUNS.length] ?? '';
  const name = round < NOUNS.length ? noun : `${noun}-${Math.floor(round / NOUNS.length) + 1}`;
  const workloads = [`${namespace}/${name}`];
  return {
    hostname: `${name}.${namespace}.svc.cluster.local`,
    name,
    namespace,
    isExternal: false,
    ports: [{ name: 'http', number: 8080, protocol: 'http' }],
    workloads,
    endpoints: 2,
    ready: 2,
    origin: originOf(namespace, name),
  };
}

function workloadOf({ namespace, name }: TopologyService): TopologyWorkload {
  return { name, namespace, labels: { app: name }, serviceAccount: name, role: 'sidecar', isMeshed: true, instances: 2, ready: 2 };
}

/** A mesh of that many services. */
export function topologyFixture(services: number): Topology {
  const list = Array.from({ length: services }, (_, index) => serviceAt(index));
  return { generation: 1, rootNamespace: 'istio-system', services: list, workloads: list.map(workloadOf), splits: [] };
}

function rowOf(from: TopologyService, to: TopologyService, random: () => number): SignalRow {
  const trouble = random();
  const failureRatio =
    trouble < 0.012 ? 0.06 + random() * 0.3 : trouble < 0.03 ? 0.01 + random() * 0.03 : random() < 0.3 ? random() * 0.004 : 0;
  const p50Ms = 2 + random() * 40;
  return {
    source: `${from.namespace}/${from.name}`,
    destination: `${to.namespace}/${to.name}`,
    service: to.hostname,
    protocol: 'http',
    requestsPerSecond: Math.round(10 ** (random() * 3) * 10) / 10,
    failureRatio,
    deniedRatio: 0,
    p50Ms,
    p95Ms: p50Ms * 3,
    p99Ms: p50Ms * 6,
    mutualTlsRatio: random() < 0.02 ? 0 : 1,
    sourcePrincipal: `spiffe://cluster.local/ns/${from.namespace}/sa/${from.name}`,
    destinationPrincipal: `spiffe://cluster.local/ns/${to.namespace}/sa/${to.name}`,
    connectionsPerSecond: 0,
    bytesSentPerSecond: 1200,
    bytesReceivedPerSecond: 9000,
  };
}

/** That many edges between different pairs, from services to later ones for the most part. */
export function edgeRowsFixture({ services }: Topology, edges: number): SignalRow[] {
  const random = randomOf(7);
  const rows = new Map<string, SignalRow>();
  const edgesMax = (services.length * (services.length - 1)) / 2;
  while (rows.size < Math.min(edges, edgesMax)) {
    const [a, b] = [random(), random()].map((share) => Math.floor(share * services.length)).toSorted((x, y) => x - y);
    const [from, to] = [services[a ?? 0], services[b ?? 0]];
    if (from === undefined || to === undefined || from === to) continue;
    const row = rowOf(from, to, random);
    rows.set(`${row.source}>${row.destination}`, row);
  }
  return [...rows.values()];
}

function seriesFixture(key: string, nowMs: number): SignalSeries {
  const steps = Array.from({ length: 90 }, (_, index) => index);
  const wave = (index: number): number => 1 + 0.3 * Math.sin(index / 9) + 0.1 * Math.sin(index * 1.7);
  return {
    key,
    stepMs: 10_000,
    endMs: Math.floor(nowMs / 10_000) * 10_000,
    requestsPerSecond: steps.map((index) => 120 * wave(index)),
    connectionsPerSecond: steps.map(() => 0),
    failureRatio: steps.map((index) => (index > 60 && index < 70 ? 0.08 : 0.002 * wave(index))),
    deniedRatio: steps.map(() => 0),
    bytesPerSecond: steps.map((index) => 90_000 * wave(index)),
    p50Ms: steps.map((index) => 12 * wave(index)),
    p95Ms: steps.map((index) => 40 * wave(index)),
    p99Ms: steps.map((index) => 95 * wave(index)),
  };
}

/** The answers of such a mesh. */
function fixtureAnswer(services: number, edges: number): Answer {
  const topology = topologyFixture(services);
  const rows = edgeRowsFixture(topology, edges);
  const none: readonly Flow[] = [];
  const answers: Readonly<Record<string, (query: URLSearchParams) => object>> = {
    '/api/topology': () => topology,
    '/api/about': () => ({ version: '0.0.0', folder: '/mesh', startedAt: new Date().toISOString(), hasPrometheus: false }),
    '/api/signals': () => ({ rows, windowMs: 60_000, atMs: Date.now() }),
    '/api/signals/history': (query) => ({ series: [seriesFixture(query.get('key') ?? '', Date.now())] }),
    '/api/flows': () => ({ flows: none, kept: {}, lost: {} }),
    '/api/routes': () => ({ routes: [] }),
    '/api/policies': () => ({ policies: [] }),
    '/api/proxies': () => ({ proxies: [] }),
    '/api/instances': () => ({ instances: [] }),
    '/api/certificates': () => ({ rootExpiresAt: new Date(Date.now() + 1e12).toISOString(), certificates: [] }),
    '/api/analysis': () => ({ generation: 1, findings: [] }),
    '/api/history': () => ({ version: 1, versions: [] }),
  };
  return ({ pathname, query }) => {
    const answer = answers[pathname];
    if (answer === undefined) throw new ProtocolError('no_call', 404, `the fixture has no ${pathname}`);
    return answer(query);
  };
}

/** Serves the dashboard of such a mesh on loopback; `assets`: the built page; `token`: what is asked for. */
export function serveFixture(
  services: number,
  edges: number,
  assets = path.join(root, 'dist/dashboard'),
  token?: string,
): Promise<Dashboard> {
  const at = { ...readDashboardAddress('auto'), port: 0 };
  return serveDashboard({ at, assets, token, tls: undefined, answer: fixtureAnswer(services, edges), log: silentLog });
}

if (import.meta.main) {
  const [services = '200', edges = '2000'] = process.argv.slice(2);
  const { url } = await serveFixture(Number(services), Number(edges));
  console.log(url);
}
