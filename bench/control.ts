/**
 * `npm run bench:control`: how fast a control plane brings a mesh to its proxies, Tulle's beside Istio's (where
 * TULLE_ISTIOD names a pilot-discovery). Real processes, real gRPC; the proxies are streams of `control-clients.ts`, which
 * ask for everything, as Envoy does, and of Tulle in a second run for what they call, as our own sidecars do.
 *
 * Options: `--services N` (1000), `--endpoints N` (of each service, 10), `--proxies N` (1000), `--namespaces N` (20),
 * `--changes N` (measured changes of each kind, 5), `--planes tulle,istiod`, `--asks whole,on-demand`, `--scale` (100 to
 * 10,000 services).
 */
import { parseArgs } from 'node:util';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { judge, type Row } from './control-bars.ts';
import { measurePlane, type PlaneFigures } from './control-measure.ts';
import type { MeshSize } from './control-mesh.ts';
import { planes } from './control-planes.ts';
import { printColumns } from './report.ts';

const { values } = parseArgs({
  options: {
    services: { type: 'string', default: '1000' },
    endpoints: { type: 'string', default: '10' },
    proxies: { type: 'string', default: '1000' },
    namespaces: { type: 'string', default: '20' },
    changes: { type: 'string', default: '5' },
    planes: { type: 'string', default: 'tulle,istiod' },
    asks: { type: 'string', default: 'whole,on-demand' },
    scale: { type: 'boolean', default: false },
  },
});

const chosen = planes.filter(({ name }) => values.planes.split(',').includes(name));
const present = chosen.filter((plane) => {
  const missing = plane.missing();
  if (missing !== undefined) console.log(`${plane.name} is not measured: ${missing}`);
  return missing === undefined;
});

/** Sizes to be measured, with as many proxies as there is time for. */
function sizes(): readonly (MeshSize & { readonly proxies: number })[] {
  const given = { endpointsEach: Number(values.endpoints), namespaces: Number(values.namespaces), proxies: Number(values.proxies) };
  if (!values.scale) return [{ ...given, services: Number(values.services) }];
  return [100, 1000, 3000, 10_000].map((services) => ({ ...given, services, proxies: Math.min(given.proxies, 100) }));
}

const COLUMNS: readonly (readonly [title: string, figure: keyof PlaneFigures, digits: number])[] = [
  ['sync s', 'syncSeconds', 2],
  ['sync CPU s', 'syncCpuSeconds', 2],
  ['MiB sent', 'sentMiB', 0],
  ['RSS MiB', 'rssMiB', 0],
  ['peak MiB', 'peakMiB', 0],
  ['endpoint p50 ms', 'endpointP50Ms', 0],
  ['p99 ms', 'endpointP99Ms', 0],
  ['CPU ms', 'endpointCpuMs', 0],
  ['routes p50 ms', 'routesP50Ms', 0],
  ['p99 ms', 'routesP99Ms', 0],
  ['CPU ms', 'routesCpuMs', 0],
  ['for all p99 ms', 'allRoutesP99Ms', 0],
  ['CPU ms', 'allRoutesCpuMs', 0],
];

/** Control planes, and how their clients ask: nobody but Tulle gives virtual hosts one by one. */
const runs = present.flatMap((plane) =>
  [false, true]
    .filter((isOnDemand) => values.asks.split(',').includes(isOnDemand ? 'on-demand' : 'whole') && (plane.name === 'tulle' || !isOnDemand))
    .map((isOnDemand) => ({ plane, isOnDemand })),
);

const rows: Row[] = [];
for (const { proxies, ...size } of sizes()) {
  for (const { plane, isOnDemand } of runs) {
    const figures = await measurePlane(plane, size, { count: proxies, isOnDemand }, Number(values.changes));
    const said = COLUMNS.map(([title, figure, digits]) => `${title} ${figures[figure].toFixed(digits)}`);
    const name = isOnDemand ? `${plane.name}, on demand` : plane.name;
    console.log(`${name}, ${size.services} services: ${said.join(', ')}`);
    rows.push({ plane: name, services: size.services, proxies, figures });
  }
}
printColumns(
  [
    ['plane', 'services', 'proxies', ...COLUMNS.map(([title]) => title)],
    ...rows.map(({ plane, services, proxies, figures }) => [
      plane,
      String(services),
      String(proxies),
      ...COLUMNS.map(([, figure, digits]) => figures[figure].toFixed(digits)),
    ]),
  ],
  1,
);
judge(rows);
const results = path.join(import.meta.dirname, 'results');
mkdirSync(results, { recursive: true });
writeFileSync(path.join(results, 'control.json'), `${JSON.stringify(rows, undefined, 1)}\n`);
