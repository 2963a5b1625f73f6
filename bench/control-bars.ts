/** Bars of the control plane's figures, and how they stand beside istiod's. */
import type { PlaneFigures } from './control-measure.ts';
import { printColumns } from './report.ts';

interface Row {
  readonly plane: string;
  readonly services: number;
  readonly proxies: number;
  readonly figures: PlaneFigures;
}

/** Bars for 1,000 services and 1,000 proxies. */
const BARS: readonly (readonly [what: string, figure: keyof PlaneFigures, most: number | undefined])[] = [
  ['cold start to all in sync, s', 'syncSeconds', 10],
  ['resident memory then, MiB', 'rssMiB', 1024],
  ['one endpoint: p99 after the debounce, ms', 'endpointP99Ms', 250],
  ['one endpoint: CPU, ms', 'endpointCpuMs', 100],
  ["routes of one namespace's own: p99 after the debounce, ms", 'routesP99Ms', 250],
  ['the same: CPU, ms', 'routesCpuMs', undefined],
  ["everybody's routes: p99 after the debounce, ms", 'allRoutesP99Ms', undefined],
  ['the same: CPU, ms', 'allRoutesCpuMs', undefined],
];

/** Prints each figure of the largest mesh with its bar and istiod's. */
export function judge(rows: readonly Row[]): void {
  const tulle = rows.findLast(({ plane }) => plane === 'tulle');
  if (tulle === undefined) return;
  const istiod = rows.findLast(({ plane, services }) => plane === 'istiod' && services === tulle.services);
  const isFull = tulle.services === 1000 && tulle.proxies === 1000;
  const lines = BARS.map(([what, figure, most]) => {
    const own = tulle.figures[figure];
    const other = istiod?.figures[figure];
    const verdict = most === undefined || !isFull ? '' : own <= most ? 'reached' : 'MISSED';
    return [
      what,
      own.toFixed(1),
      most === undefined ? '' : String(most),
      verdict,
      other?.toFixed(1) ?? '',
      other === undefined ? '' : (own / other).toFixed(2),
    ];
  });
  console.log(`\n${tulle.services} services, ${tulle.proxies} proxies`);
  printColumns([['what', 'tulle', 'bar', '', 'istiod', 'ratio'], ...lines], 1);
}
