/** How cost grows with routes, clusters, headers and connections. */
import { REQUEST_HEADERS, saturate, type WrkOptions } from './load.ts';
import { hold } from './idle.ts';
import { type Bench, end, launch } from './measure.ts';
import type { Peer, Place } from './peers.ts';
import { usage } from './processes.ts';
import { printColumns } from './report.ts';
import { scenariosNamed } from './scenarios.ts';
import { clusterHost, routePath, SCALE_HOST } from './sidecar-config.ts';

/** One point: `x` is how many of what grows. */
interface ScaleRow {
  readonly what: string;
  readonly x: number;
  readonly peer: string;
  readonly 'start ms'?: number;
  readonly 'cpu us'?: number;
  readonly 'private MiB'?: number;
  readonly 'KiB each'?: number;
  readonly 'idle cpu %'?: number;
}

interface Step {
  readonly what: 'routes' | 'clusters' | 'headers' | 'busy connections';
  readonly x: number;
  readonly scale?: Place['scale'];
  readonly connections?: number;
  readonly load?: WrkOptions;
}

const IDLE_CONNECTIONS = [1000, 10_000] as const;

const asHost = (host: string): readonly (readonly [string, string])[] => [['Host', host], ...REQUEST_HEADERS.slice(1)];
const more = (count: number): readonly (readonly [string, string])[] => [
  ...REQUEST_HEADERS.slice(0, 8),
  ...Array.from({ length: Math.max(0, count - 8) }, (_, i) => [`X-Field-${i}`, `value number ${i} of many`] as const),
];

/** The last route and the last cluster take the requests: the worst case where routes are tried in turn. */
const STEPS: readonly Step[] = [
  ...[10, 100, 1000, 10_000].map((x): Step => ({
    what: 'routes',
    x,
    scale: { routes: x },
    load: { headers: asHost(SCALE_HOST), path: routePath(x - 1) },
  })),
  ...[10, 100, 1000].map((x): Step => ({ what: 'clusters', x, scale: { clusters: x }, load: { headers: asHost(clusterHost(x - 1)) } })),
  ...[10, 50, 90].map((x): Step => ({ what: 'headers', x, load: { headers: more(x) } })),
  ...[32, 1000].map((x): Step => ({ what: 'busy connections', x, connections: x })),
];

async function measureStep(bench: Bench, peer: Peer, step: Step): Promise<ScaleRow[]> {
  const [http] = scenariosNamed(['http']);
  if (http === undefined) return [];
  const startMs = performance.now();
  const running = await launch(bench, peer, http, step.scale === undefined ? {} : { scale: step.scale });
  if (running === undefined) return [];
  const readyMs = performance.now() - startMs;
  const { port, children } = running;
  const connections = step.connections ?? bench.connections;
  try {
    await saturate(port, bench.warmUpSeconds, connections, bench.folder, step.load);
    const before = usage(children);
    const { requests, errors } = await saturate(port, bench.seconds, connections, bench.folder, step.load);
    const after = usage(children);
    if (errors > 0) console.log(`${peer.name}: ${errors} errors at ${step.x} ${step.what}`);
    const row = { what: step.what, x: step.x, peer: peer.name, 'start ms': readyMs, 'private MiB': after.privateDirty };
    return [{ ...row, 'cpu us': ((after.cpu - before.cpu) * 1e6) / requests }];
  } finally {
    await end(running);
  }
}

/** Connections that have carried one request each and wait; another process holds them. */
async function measureIdle(bench: Bench, peer: Peer): Promise<ScaleRow[]> {
  const [http] = scenariosNamed(['http']);
  const running = http === undefined ? undefined : await launch(bench, peer, http);
  if (running === undefined) return [];
  const rows: ScaleRow[] = [];
  try {
    await saturate(running.port, bench.warmUpSeconds, bench.connections, bench.folder);
    for (const x of IDLE_CONNECTIONS) {
      const { privateDirty, kibEach, cpuPercent } = await hold(running, x);
      rows.push({
        what: 'idle connections',
        x,
        peer: peer.name,
        'private MiB': privateDirty,
        'KiB each': kibEach,
        'idle cpu %': cpuPercent,
      });
    }
    return rows;
  } finally {
    await end(running);
  }
}

const FIGURES = ['start ms', 'cpu us', 'private MiB', 'KiB each', 'idle cpu %'] as const;

/** Measures every step for every peer, of what is named in `only` or of everything; prints and gives the rows. */
export async function measureScale(bench: Bench, peers: readonly Peer[], only: readonly string[] | undefined): Promise<ScaleRow[]> {
  const rows: ScaleRow[] = [];
  const isAsked = (what: string): boolean => only === undefined || only.includes(what);
  for (const step of STEPS.filter(({ what }) => isAsked(what)))
    for (const peer of peers) rows.push(...(await measureStep(bench, peer, step)));
  if (isAsked('idle connections')) for (const peer of peers) rows.push(...(await measureIdle(bench, peer)));
  const lines = rows.map((row) => [row.what, row.peer, String(row.x), ...FIGURES.map((figure) => row[figure]?.toFixed(1) ?? '')]);
  printColumns([['what grows', 'peer', 'how many', ...FIGURES], ...lines], 2);
  return rows;
}
